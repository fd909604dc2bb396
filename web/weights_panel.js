// What to download for real footage and where to put it, on the nodes that load weights.

const LIST = new URL('./weights.json', import.meta.url)
const STYLE = new URL('./weights_panel.css', import.meta.url)
const FOLDED_HEIGHT = 56 // the classic renderer keeps 20 of it as margins
const OPEN_HEIGHT = 320
const WIDTH = 380
const COPIED_MS = 1500
const HOW = 'Run the lines in a terminal in ComfyUI\'s folder, then press R here. Sizes, memory and ' +
  'what each is good for stand in the node\'s help and in docs/weights.md.'

const NODES = {
  Vivid_LoadModel: {
    widget: 'model',
    shownFor: ['vivid-tiny (bundled)', 'vivid-tiny base (bundled)'],
    words: 'Demo model. Weights for real footage'
  },
  Vivid_LoadTracker: {
    widget: 'weights',
    shownFor: ['none'],
    words: 'SAM 2 weights for real footage'
  },
  Vivid_LoadEngine: {
    widget: 'weights',
    shownFor: ['none'],
    words: 'Weights that see real footage'
  }
}

let list = null

async function setsOf(kind) {
  list ??= fetch(LIST).then((answer) => answer.json())
  const { sets } = await list
  return sets.filter((set) => set.node === kind)
}

function addStyle() {
  if (document.querySelector(`link[href="${STYLE.href}"]`)) return
  document.head.append(
    Object.assign(document.createElement('link'), { rel: 'stylesheet', href: STYLE.href }))
}

function make(tag, className, text) {
  const element = document.createElement(tag)
  if (className) element.className = className
  if (text !== undefined) element.textContent = text
  return element
}

// Where the page may not use the clipboard (plain http from another machine) the text is selected.
async function copy(code, button) {
  let said = 'Copied'
  try {
    await navigator.clipboard.writeText(code.textContent)
  } catch {
    window.getSelection().selectAllChildren(code)
    said = 'Ctrl+C'
  }
  button.textContent = said
  setTimeout(() => { button.textContent = 'Copy' }, COPIED_MS)
}

function commandLine(words) {
  const line = make('div', 'vw-line')
  const code = make('code', '', words)
  const button = make('button', '', 'Copy')
  button.type = 'button'
  button.title = 'Copy this line'
  button.addEventListener('click', () => copy(code, button))
  line.append(code, button)
  return line
}

function link(words, address) {
  return Object.assign(make('a', '', words),
    { href: address, target: '_blank', rel: 'noopener noreferrer' })
}

function places(set) {
  const files = set.files ?? [{
    name: set.repository, url: `https://huggingface.co/${set.repository}`, directory: set.directory
  }]
  return files.map((file) => {
    const place = make('div')
    place.append(link(file.name, file.url), ` into models/${file.directory}`)
    return place
  })
}

// "" where the list does not say.
function size(set) {
  const gb = set.gb ?? set.files?.reduce((sum, file) => sum + file.gb, 0)
  return gb === undefined ? '' : `${gb.toFixed(gb < 1 ? 2 : 1)} GB`
}

function entry(set) {
  const section = make('section', 'vw-set')
  const title = make('div', 'vw-title', set.title)
  title.append(make('span', '', size(set)))
  section.append(title, make('p', '', set.good_for), ...places(set))
  section.append(...set.commands.map(commandLine))
  return section
}

class WeightsPanel {
  constructor(kind) {
    this.kind = kind
    this.onFold = () => {}
    this.element = make('div', 'vivid-weights')
    this.head = make('button', 'vw-head', NODES[kind].words)
    this.head.type = 'button'
    this.body = make('div', 'vw-body')
    this.body.dataset.captureWheel = 'true' // scrolls instead of zooming the graph
    this.head.addEventListener('click', () => this.fold(this.open))
    this.element.append(this.head, this.body)
    for (const event of ['pointerdown', 'mousedown']) {
      this.element.addEventListener(event, (press) => press.button === 0 && press.stopPropagation())
    }
    this.fold(true)
  }

  get open() { return !this.body.hidden }

  get height() { return this.open ? OPEN_HEIGHT : FOLDED_HEIGHT }

  fold(folded) {
    this.body.hidden = folded
    this.head.setAttribute('aria-expanded', String(!folded))
    this.onFold()
    if (!folded && !this.body.childElementCount) this.fill()
  }

  async fill() {
    const sets = await setsOf(this.kind)
    this.body.replaceChildren(...sets.map(entry), make('p', '', HOW))
  }
}

// Puts the panel on a node that loads weights; `addView` is vivid.js's.
export function addWeightsPanel(node, addView) {
  const { widget: name, shownFor } = NODES[node.comfyClass] ?? {}
  const choice = node.widgets?.find((widget) => widget.name === name)
  if (!choice) return
  addStyle()
  const panel = new WeightsPanel(node.comfyClass)
  const widget = addView(node, 'weights_panel', panel.element, FOLDED_HEIGHT)
  // Older pages leave room for hidden widgets.
  const room = () => (widget.hidden ? 0 : panel.height)
  widget.options.getMinHeight = widget.options.getMaxHeight = room
  let held = room()
  const fit = () => {
    const height = node.size[1] + room() - held
    held = room()
    node.setSize([Math.max(node.size[0], panel.open ? WIDTH : 0), height])
    node.setSize([node.size[0], Math.max(height, node.computeSize()[1])])
    node.graph?.setDirtyCanvas(true, true)
  }
  const show = () => {
    const hidden = !shownFor.includes(choice.value)
    if (hidden === Boolean(widget.hidden)) return
    widget.hidden = widget.options.hidden = hidden
    fit()
  }
  panel.onFold = fit
  for (const [target, method] of [[choice, 'callback'], [node, 'onConfigure']]) {
    const original = target[method]
    target[method] = function (...values) {
      const result = original?.apply(this, values)
      show()
      return result
    }
  }
  fit()
  show()
}
