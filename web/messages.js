// What ComfyUI's server says is wrong, on the node concerned, with a button that mends it.

import { button, make } from './frame_view.js'
import { rootGraph } from './graphs.js'

const LONGEST = 600 // characters of a message; what is longer is for the log
const OWN_NAME = /^([a-z_]+): (.*)$/s // "caption: is empty" names its input
const VALIDATION = {
  required_input_missing: () => 'is not connected',
  value_not_in_list: (error) => {
    const value = error.extra_info?.received_value
    const gone = value === undefined ? 'its value' : `'${value}'`
    return `${gone} is not there: choose another, or put the file into its folder and press R`
  },
  return_type_mismatch: () => 'is connected to something of another kind'
}

// --- what the server says ---

// The sentence of one error of a prompt that was refused, and the inputs it was reported at.
function ofValidation(error) {
  const name = error.extra_info?.input_name ?? ''
  const known = VALIDATION[error.type]
  if (known) return { inputs: [name], input: name, words: known(error) }
  const said = `${error.details ?? ''}`
  if (error.type !== 'custom_validation_failed') {
    const words = [error.message, said === name ? '' : said].filter(Boolean).join(': ')
    return { inputs: [name], input: name, words: lowerFirst(words) }
  }
  return { inputs: [name], ...named(said.replace(`${name} - `, ''), name) }
}

// The sentence of a run that stopped.
function ofException({ exception_message: said }) {
  const { input, words } = named(`${said ?? ''}`.trim().slice(0, LONGEST), '')
  return { inputs: input ? [input] : [], input, words }
}

function named(said, name) {
  const [, input, words] = OWN_NAME.exec(said) ?? []
  return input ? { input, words } : { input: name, words: said }
}

// One mistake is one message, also where ComfyUI reports it at every input concerned.
function merged(messages) {
  const found = new Map()
  for (const message of messages) {
    const key = `${message.input}: ${message.words}`
    const before = found.get(key)?.inputs ?? []
    found.set(key, { ...message, inputs: [...new Set([...before, ...message.inputs])] })
  }
  return [...found.values()]
}

// --- on the node ---

// A strip of messages. Nodes with a view of their own hold it there (`node.vividNotice`); others
// get a widget, which is only there as long as there is something to say.
export class Notice {
  constructor() {
    this.element = make('div', 'vivid-notice', { hidden: true })
    this.element.setAttribute('role', 'alert')
    this.messages = []
    this.room = 0 // CSS pixels of height that it takes
    for (const kind of ['pointerdown', 'mousedown']) {
      this.element.addEventListener(kind, (event) => event.button === 0 && event.stopPropagation())
    }
  }

  // messages: [{input, words, inputs, remedies: [[label, action]...]}...]
  show(messages, width) {
    this.messages = messages
    this.element.hidden = messages.length === 0
    this.element.replaceChildren(...messages.map((message) => this.rowOf(message)))
    this.room = messages.length ? heightOf(this.element, width) + GAP : 0
  }

  rowOf({ input, words, remedies }) {
    const row = make('div', 'vivid-said')
    const sentence = make('span')
    if (input) sentence.append(make('b', '', { textContent: input }), ' ')
    sentence.append(words)
    row.append(sentence, ...remedies.map(([label, action]) => button(label, action)))
    return row
  }
}

export class Messages {
  // addView(node, name, element, height): a widget that only shows something, with room for
  // `node.vividNotice` beside its height.
  constructor({ app, api, addView }) {
    Object.assign(this, { app, api, addView })
    this.shown = new Set() // nodes with messages
  }

  // Before a run is asked for everything is forgotten; its answer says what is refused.
  listen() {
    const { api } = this
    const ask = api.queuePrompt
    const take = (answer) => this.showRefused(answer?.node_errors)
    api.queuePrompt = async (...values) => {
      this.clearAll()
      try {
        const answer = await ask.apply(api, values)
        take(answer)
        return answer
      } catch (error) {
        take(error.response)
        throw error
      }
    }
    api.addEventListener('execution_error', ({ detail }) => this.showStopped(detail))
    api.addEventListener('executing', ({ detail }) => {
      const node = this.nodeOf(typeof detail === 'object' ? detail?.node : detail)
      if (node) this.clear(node)
    })
  }

  showRefused(errors) {
    for (const [id, { errors: found }] of Object.entries(errors ?? {})) {
      const node = this.nodeOf(id)
      if (isOurs(node)) this.show(node, merged(found.map(ofValidation)))
    }
  }

  showStopped(detail) {
    const node = this.nodeOf(detail.node_id)
    if (isOurs(node)) this.show(node, [ofException(detail)])
  }

  // Inside subgraphs ids look like "1:2:3".
  nodeOf(id) {
    if (id === null || id === undefined) return null
    let graph = rootGraph(this.app)
    let node = null
    for (const part of `${id}`.split(':')) {
      node = graph?.getNodeById(part) ?? graph?.getNodeById(Number(part)) ?? null
      graph = node?.subgraph
    }
    return node
  }

  show(node, messages) {
    const notice = node.vividNotice ?? this.addNotice(node)
    notice.before ??= node.size[1]
    const rows = messages
      .map((said) => ofNode(node, said))
      .map((said) => ({ ...said, remedies: this.remedies(node, said) }))
    notice.show(rows, node.size[0] - 2 * MARGIN)
    this.shown.add(node)
    notice.grown = Math.max(node.size[1], node.computeSize()[1])
    node.setSize([node.size[0], notice.grown])
    this.app.graph?.setDirtyCanvas(true, true)
    afterDrawing(() => {
      notice.grown = Math.max(notice.grown, node.size[1])
    })
  }

  addNotice(node) {
    const notice = new Notice()
    node.vividNotice = notice
    notice.before = node.size[1]
    notice.widget = this.addView(node, 'message', notice.element, 2 * MARGIN)
    return notice
  }

  clear(node, name = null) {
    const notice = node.vividNotice
    if (!notice?.messages.length) return
    const stays = ({ inputs }) => name !== null && inputs.length > 0 && !inputs.includes(name)
    notice.show(notice.messages.filter(stays), node.size[0] - 2 * MARGIN)
    if (!notice.messages.length) this.takeAway(node, notice)
  }

  // The node has its former height again, unless someone changed it.
  takeAway(node, notice) {
    this.shown.delete(node)
    if (notice.widget) {
      delete node.vividNotice
      removeWidget(node, notice.widget)
    }
    const least = node.computeSize()[1]
    const height = node.size[1] > notice.grown ? node.size[1] : notice.before
    node.setSize([node.size[0], Math.max(height, least)])
    notice.before = null
    this.app.graph?.setDirtyCanvas(true, true)
  }

  clearAll() {
    for (const node of [...this.shown]) this.clear(node)
  }

  // Whoever changes an input has seen what was said of it.
  watch(node) {
    for (const widget of node.widgets ?? []) {
      const original = widget.callback
      widget.callback = (...values) => {
        this.clear(node, widget.name)
        return original?.apply(widget, values)
      }
    }
    const connected = node.onConnectionsChange
    node.onConnectionsChange = (kind, slot, ...rest) => {
      const name = node.inputs?.[slot]?.name
      if (kind === INPUT && name) this.clear(node, name)
      return connected?.call(node, kind, slot, ...rest)
    }
    const removed = node.onRemoved
    node.onRemoved = () => {
      this.shown.delete(node)
      return removed?.call(node)
    }
  }

  // --- what mends it ---

  remedies(node, { input, words }) {
    const widget = node.widgets?.find((one) => one.name === input)
    const found = [
      this.lookAgain(node, widget, words),
      goTo(node, widget, words),
      chooseAnother(node, widget, words),
      useNative(node, words),
    ]
    return found.filter(Boolean)
  }

  lookAgain(node, widget, words) {
    if (!widget?.options?.values || !/press R\b/.test(words)) return null
    return ['Look again (R)', async ({ target }) => {
      await this.app.refreshComboInNodes()
      const found = words.includes(`'${widget.value}'`) && optionsOf(widget).includes(widget.value)
      if (found) this.clear(node)
      else target.textContent = 'Not there yet: look again (R)'
    }]
  }
}

// What looks like a name may be none of this node's inputs: then it is a part of the sentence.
function ofNode(node, said) {
  const names = [...(node.inputs ?? []), ...(node.widgets ?? [])].map(({ name }) => name)
  if (!said.input || names.includes(said.input)) return said
  const inputs = said.inputs.filter((name) => names.includes(name))
  return { input: '', inputs, words: `${said.input}: ${said.words}` }
}

function goTo(node, widget, words) {
  if (!widget || !/is empty/.test(words)) return null
  return [`Write the ${widget.name}`, () => textBoxOf(node, widget)?.focus()]
}

// "leave it 'off'", "choose none": one of the drop-down's own choices.
function chooseAnother(node, widget, words) {
  const [, value] = /(?:leave it|choose|set it to) '?([\w ]+?)'?(?:[,.:;]| to | or |$)/.exec(words) ?? []
  if (!widget || !optionsOf(widget).includes(value)) return null
  return [`Set ${widget.name} to ${value}`, () => setWidget(widget, value)]
}

// A warning of the report, which names the setting that helps.
export function useNative(node, words) {
  const widget = node.widgets?.find(({ name }) => name === 'focus')
  const named = /focus\b[^.;\n]*\bnative\b/i.test(words)
  if (!named || !widget || widget.value === 'native') return null
  return ['Set focus to native', () => setWidget(widget, 'native')]
}

// A text box of either renderer.
function textBoxOf(node, widget) {
  if (widget.element?.isConnected) return widget.element
  const boxes = document.querySelectorAll(`[data-node-id="${node.id}"] textarea`)
  const texts = node.widgets.filter(({ element, options }) => isText(element) && !options.hidden)
  return [...boxes].find((box) => box.value === widget.value) ?? boxes[texts.indexOf(widget)]
}

function setWidget(widget, value) {
  widget.value = value
  widget.callback?.(value)
}

function removeWidget(node, widget) {
  if (node.removeWidget) node.removeWidget(widget)
  else {
    widget.onRemove?.()
    node.widgets.splice(node.widgets.indexOf(widget), 1)
  }
}

function optionsOf({ options }) {
  const values = options?.values ?? []
  return typeof values === 'function' ? values() : values
}

// Older pages give a node the room that its widgets want when they draw it.
function afterDrawing(action) {
  requestAnimationFrame(() => requestAnimationFrame(action))
}

// How high something is at a width, before the host shows it.
function heightOf(element, width) {
  const copy = element.cloneNode(true)
  copy.style.cssText = `position: absolute; visibility: hidden; width: ${width}px`
  document.body.append(copy)
  const height = copy.offsetHeight
  copy.remove()
  return height
}

const MARGIN = 10 // of a widget, on all sides
const GAP = 6
const INPUT = 1 // LiteGraph's number for this side of a link
const isOurs = (node) => Boolean(node?.comfyClass?.startsWith('Vivid_'))
export const isText = (element) => element?.tagName === 'TEXTAREA'
const lowerFirst = (words) => words.charAt(0).toLowerCase() + words.slice(1)
