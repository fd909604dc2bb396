// One frame of a clip, a scrubber, and a text that can be undone: what the editors share.
// Plain DOM; knows nothing of ComfyUI.

import { Zoom, sizeWords } from './zoom.js'

const AHEAD = 3 // frames that are fetched on both sides of the one shown
const KEPT = 48 // pictures held in memory
const HISTORY = 200 // steps of undo
const TOGETHER_MS = 800 // turns of the wheel that follow each other are one step of undo
const REACH = 9 // CSS pixels around a handle that still hit it
const SHARPNESS = 2 // canvas pixels per CSS pixel at least, so that zooming in stays crisp
const CHECKER = ['#2a2a2a', '#333333']
const CHECKER_SIDE = 12 // CSS pixels

// What an editor adds: blank() and parse(text) give a state, format() its text; paint(context)
// draws over the picture; press(place, event) may return {move(place), end(place), cancel()};
// clearFrame(), removeSelected(), marks() ({frame, color} each), frameCount, and size ({width,
// height} or null). An editor calls build() once its own fields are set.
export class FrameEditor {
  margin = 0 // share of the picture that is left free around it

  constructor({ onChange = () => {} } = {}) {
    this.onChange = onChange
    this.frame = 0
    this.text = ''
    this.past = []
    this.future = []
    this.problem = ''
    this.readOnlyNote = ''
    this.data = null
    this.showMask = true
    this.isLoading = false
    this.pictures = new Pictures(() => this.draw(), () => this.onMissing())
    this.onMissing = () => this.show(null) // a picture cannot be had
  }

  // --- the parts ---

  build({ className, legend, empty, tools }) {
    this.element = make('div', `vivid-editor ${className}`)
    this.message = make('div', 've-message')
    this.stage = make('div', 've-stage')
    this.canvas = make('canvas')
    this.empty = make('div', 've-empty', { textContent: empty })
    this.stage.append(this.canvas, this.empty)
    this.zoom = new Zoom(this.stage, {
      onChange: () => this.draw(),
      takesWheel: (event) => this.takesWheel(event)
    })
    this.legend = make('div', 've-legend')
    this.legend.append(...legend.map((textContent) => make('span', '', { textContent })))
    this.bar = make('div', 've-bar')
    this.bar.append(...tools, make('div', 've-spacer'), ...this.buildButtons())
    this.words = make('pre', 've-words', { hidden: true })
    const below = [this.buildTransport(), this.buildFoot(), this.words]
    this.element.append(this.bar, this.message, this.stage, ...below)
    this.state = this.blank()
    this.listen()
    this.refresh()
  }

  buildButtons() {
    this.undoButton = button('Undo', () => this.undo(), 'Undo (Ctrl+Z)')
    this.clearFrameButton = button('Clear frame', () => this.clearFrame())
    this.clearAllButton = button('Clear all', () => this.clearAll())
    return [this.undoButton, this.clearFrameButton, this.clearAllButton]
  }

  buildTransport() {
    this.transport = make('div', 've-transport')
    this.scrubber = make('input', '', { type: 'range', min: 0, value: 0, step: 1 })
    this.scrubber.setAttribute('aria-label', 'Frame')
    this.scrubber.oninput = () => this.seek(Number(this.scrubber.value))
    this.track = make('div', 've-track')
    this.ticks = make('div', 've-ticks')
    this.track.append(this.ticks, this.scrubber)
    this.counter = make('div', 've-frame')
    this.maskBox = make('input', '', { type: 'checkbox', checked: this.showMask })
    this.maskBox.onchange = () => this.setMask(this.maskBox.checked)
    this.maskLabel = make('label', 've-mask')
    this.maskLabel.append(this.maskBox, 'show mask')
    this.transport.append(this.track, this.counter, this.maskLabel, this.zoom.buttons)
    return this.transport
  }

  buildFoot() {
    this.sizeLabel = make('div', 've-size')
    this.foot = make('div', 've-foot')
    this.foot.append(this.legend, this.sizeLabel)
    return this.foot
  }

  listen() {
    this.stage.addEventListener('pointerenter', () => this.showSize())
    this.stage.addEventListener('pointerdown', (event) => this.onPress(event))
    this.stage.addEventListener('contextmenu', (event) => {
      event.preventDefault()
      event.stopPropagation()
    })
    this.stage.addEventListener('dblclick', (event) => {
      event.stopPropagation()
      if (!this.locked && this.placeOf(event)) this.doublePress(this.placeOf(event))
    })
    this.element.addEventListener('pointerdown', (e) => e.button === 0 && e.stopPropagation())
    this.element.addEventListener('mousedown', (event) => this.takeFocus(event))
    this.element.addEventListener('keydown', (event) => this.onKey(event))
    this.resizes = new ResizeObserver(() => this.draw())
    this.resizes.observe(this.stage)
  }

  // The scrubber has the focus, because hosts leave the keys of an input alone.
  takeFocus(event) {
    if (event.button === 0) event.stopPropagation()
    if (event.target.closest('input')) return
    event.preventDefault()
    this.scrubber.focus({ preventScroll: true })
  }

  remove() {
    this.resizes.disconnect()
    this.zoom.remove()
    this.pictures.clear()
  }

  // --- the text ---

  getValue() {
    return this.text
  }

  setValue(text) {
    if (text === this.text) return
    this.text = text
    this.past = []
    this.future = []
    this.readText()
  }

  readText() {
    this.problem = ''
    try {
      this.state = this.text.trim() ? this.parse(this.text) : this.blank()
    } catch (error) {
      this.state = this.blank()
      this.problem = error.message
    }
    this.refresh()
  }

  // Steps with the same name that follow each other quickly are undone together.
  commit(name = '') {
    const text = this.format()
    const now = performance.now()
    const together = name && name === this.lastStep?.name && now - this.lastStep.at < TOGETHER_MS
    this.lastStep = { name, at: now }
    if (text !== this.text) {
      if (!together) this.past = [...this.past, this.text].slice(-HISTORY)
      this.future = []
      this.replaceText(text)
    }
    this.refresh()
  }

  replaceText(text) {
    this.text = text
    this.onChange(text)
  }

  undo() {
    this.step(this.past, this.future)
  }

  redo() {
    this.step(this.future, this.past)
  }

  step(from, to) {
    if (this.locked || !from.length) return
    to.push(this.text)
    this.lastStep = null
    this.replaceText(from.pop())
    this.readText()
  }

  startAfresh() {
    this.problem = ''
    this.state = this.blank()
    this.commit()
  }

  clearAll() {
    if (this.locked) return
    this.state = this.blank()
    this.commit()
  }

  // Why nothing can be edited right now, or ''.
  setReadOnly(note) {
    this.readOnlyNote = note
    this.refresh()
  }

  get locked() {
    return Boolean(this.problem || this.readOnlyNote || !this.size)
  }

  // --- the clip ---

  // data: {width, height, files, overlays}, files and overlays one a frame, or null.
  // urlOf(file): address of one picture.
  show(data, urlOf) {
    this.isLoading = false
    this.pictures.clear()
    this.data = data
    this.urls = data ? data.files.map(urlOf) : []
    this.overlays = data ? (data.overlays ?? []).map(urlOf) : []
    this.refresh()
  }

  // The frames are on their way; show() ends this.
  wait() {
    this.isLoading = true
    this.refresh()
  }

  // What the last run reported.
  say(words) {
    this.words.textContent = words
    this.words.hidden = !words
  }

  get pictured() {
    return Math.max(this.urls?.length ?? 0, this.overlays?.length ?? 0)
  }

  setMask(shown) {
    this.showMask = shown
    this.draw()
  }

  seek(frame) {
    const next = clamp(frame, 0, Math.max(0, this.frameCount - 1))
    if (next !== this.frame) this.leaveFrame()
    this.frame = next
    this.refresh()
  }

  leaveFrame() {}

  // --- keys and pointer ---

  onKey(event) {
    const typing = event.target.matches('input[type="text"], input[type="number"]')
    if (!typing && !this.pressKey(event)) return
    if (!typing) event.preventDefault()
    event.stopPropagation()
  }

  // Whether the key means something here, even if there is nothing to do.
  pressKey(event) {
    const key = event.key.toLowerCase()
    const command = (event.ctrlKey || event.metaKey) && !event.altKey
    const steps = { arrowleft: -1, arrowright: 1 }
    if (command && (key === 'y' || (key === 'z' && event.shiftKey))) this.redo()
    else if (command && key === 'z') this.undo()
    else if (command) return false
    else if (key in steps) this.seek(this.frame + steps[key])
    else if (this.zoom.pressKey(key)) return true
    else if (key !== 'delete' && key !== 'backspace') return false
    else if (!this.locked) this.removeSelected()
    return true
  }

  onPress(event) {
    if (event.button !== 0 && event.button !== 2) return
    event.stopPropagation()
    const place = this.placeOf(event)
    const drag = place && !this.locked ? this.press(place, event) : null
    this.draw()
    if (!drag) return
    this.stage.setPointerCapture(event.pointerId)
    const stop = new AbortController()
    const on = (kind, action) =>
      this.stage.addEventListener(kind, action, { signal: stop.signal })
    on('pointermove', (moved) => {
      drag.move(this.placeOf(moved))
      this.draw()
    })
    on('pointerup', (moved) => {
      stop.abort()
      drag.end(this.placeOf(moved))
    })
    on('pointercancel', () => {
      stop.abort()
      drag.cancel?.()
      this.readText()
    })
  }

  doublePress() {}

  // Whether a turn of the wheel with a modifier means something else than zoom.
  takesWheel() {
    return false
  }

  // Where the pointer is: x, y in pixels of the clip; `apart` CSS pixels make one of them; `reach`
  // is how near counts as a hit.
  placeOf(event) {
    if (!this.size) return null
    const box = this.stage.getBoundingClientRect()
    const zoom = box.width / this.stage.clientWidth
    const { x, y, scale } = this.fit()
    const place = {
      x: ((event.clientX - box.left) / zoom - x) / scale,
      y: ((event.clientY - box.top) / zoom - y) / scale
    }
    const { width, height } = this.size
    place.inside = place.x >= 0 && place.y >= 0 && place.x < width && place.y < height
    place.apart = scale * zoom
    place.reach = REACH / Math.min(scale, place.apart)
    return place
  }

  // Where the picture lies in the stage, as large as it fits and then zoomed; scale: CSS pixels a
  // clip's pixel.
  fit() {
    const { clientWidth: width, clientHeight: height } = this.stage
    const room = 1 + 2 * this.margin
    const scale = Math.min(width / this.size.width, height / this.size.height) / room
    const left = (width - this.size.width * scale) / 2
    const top = (height - this.size.height * scale) / 2
    const [x, y] = this.zoom.place(left, top, width, height)
    return { x, y, scale: scale * this.zoom.scale }
  }

  // --- drawing ---

  refresh() {
    const { locked } = this
    const count = this.frameCount
    this.frame = clamp(this.frame, 0, Math.max(0, count - 1))
    this.scrubber.max = Math.max(0, count - 1)
    this.scrubber.value = this.frame
    this.counter.textContent = `frame ${this.frame} / ${Math.max(0, count - 1)}`
    this.transport.hidden = this.sizeLabel.hidden = !this.size
    this.maskLabel.hidden = !this.overlays?.length
    this.empty.hidden = Boolean(this.size || this.problem)
    this.stage.classList.toggle('ve-edits', !locked)
    this.undoButton.disabled = locked || !this.past.length
    this.clearAllButton.disabled = locked || !this.text
    this.clearFrameButton.disabled = locked || !this.marks().some((m) => m.frame === this.frame)
    this.drawTicks()
    this.drawMessage()
    this.fitAnew()
    this.draw()
  }

  // Another clip is seen as a whole first.
  fitAnew() {
    const size = this.size && `${this.size.width} ${this.size.height}`
    if (!size || size === this.fitted) return
    this.fitted = size
    this.zoom.reset()
    this.zoom.showButtons()
  }

  drawTicks() {
    const last = Math.max(1, this.frameCount - 1)
    this.ticks.replaceChildren(
      ...this.marks().map(({ frame, color }) => {
        const tick = make('span')
        tick.style.left = `${(100 * frame) / last}%`
        tick.style.background = color
        return tick
      })
    )
  }

  // What is wrong, and the buttons that mend it: [words, [label, action]...].
  messageParts() {
    if (this.readOnlyNote) return [this.readOnlyNote]
    if (!this.problem) return ['']
    return [this.problem, ['Start afresh', () => this.startAfresh()]]
  }

  drawMessage() {
    const [words, ...actions] = this.messageParts()
    this.message.hidden = !words
    this.message.replaceChildren(
      make('span', '', { textContent: words }),
      ...actions.map(([label, action]) => button(label, action))
    )
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.stage
    if (!width || !height) return
    const sharp = Math.max(SHARPNESS, window.devicePixelRatio || 1)
    this.canvas.width = Math.round(width * sharp)
    this.canvas.height = Math.round(height * sharp)
    if (!this.size || this.problem) return
    const context = this.canvas.getContext('2d')
    context.scale(sharp, sharp)
    this.drawPicture(context)
    this.paint(context)
    this.showSize()
  }

  // The clip's own size, and how large it is on the screen.
  showSize() {
    if (!this.size || !this.stage.clientWidth) return
    const zoom = this.stage.getBoundingClientRect().width / this.stage.clientWidth
    this.sizeLabel.textContent = sizeWords(this.size, this.fit().scale * zoom)
  }

  drawPicture(context) {
    const { x, y, scale } = this.fit()
    const box = [x, y, this.size.width * scale, this.size.height * scale]
    const masked = this.showMask && this.overlays?.length
    const picture = this.pictures.at(masked ? this.overlays : (this.urls ?? []), this.frame)
    if (!picture) return drawChecker(context, box, this.stage)
    context.imageSmoothingQuality = 'high'
    // Clips that are much smaller than the view are shown pixel by pixel, as they are.
    context.imageSmoothingEnabled = box[2] < 3 * picture.naturalWidth
    context.drawImage(picture, ...box)
  }
}

// Pictures by address, fetched when they are first asked for, with their neighbours.
class Pictures {
  constructor(onLoad, onMissing) {
    this.onLoad = onLoad
    this.onMissing = onMissing
    this.held = new Map()
  }

  // The picture of a frame, or null while it is on its way.
  at(urls, frame) {
    if (!urls.length) return null
    for (let distance = AHEAD; distance > 0; distance -= 1) {
      this.fetch(urls[frame - distance])
      this.fetch(urls[frame + distance])
    }
    const picture = this.fetch(urls[Math.min(frame, urls.length - 1)])
    this.forget()
    return picture.complete && picture.naturalWidth ? picture : null
  }

  fetch(url) {
    if (!url) return null
    const picture = this.held.get(url) ?? this.load(url)
    this.held.delete(url)
    this.held.set(url, picture)
    return picture
  }

  load(url) {
    const picture = new Image()
    picture.onload = () => this.held.get(url) === picture && this.onLoad()
    // Temporary files are gone after the server was started anew.
    picture.onerror = () => this.held.get(url) === picture && this.onMissing()
    picture.src = url
    return picture
  }

  forget() {
    for (const url of [...this.held.keys()].slice(0, -KEPT)) this.held.delete(url)
  }

  clear() {
    this.held.clear()
  }
}

export function make(tag, className = '', properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties })
}

export function button(textContent, onclick, title = '') {
  return make('button', '', { type: 'button', textContent, onclick, title })
}

export function readJson(text) {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('The saved text is damaged: it is no JSON.')
  }
}

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high)

export const roundTo = (value, digits) => Number(value.toFixed(digits))

export const isNumber = (value) => typeof value === 'number' && Number.isFinite(value)

export const isPlain = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function drawChecker(context, [left, top, wide, high], { clientWidth, clientHeight }) {
  const [x, y] = [Math.max(left, 0), Math.max(top, 0)]
  const width = Math.min(left + wide, clientWidth) - x
  const height = Math.min(top + high, clientHeight) - y
  context.save()
  context.beginPath()
  context.rect(x, y, width, height)
  context.clip()
  context.fillStyle = CHECKER[0]
  context.fillRect(x, y, width, height)
  context.fillStyle = CHECKER[1]
  for (let row = 0; row * CHECKER_SIDE < height; row += 1) {
    for (let column = row % 2; column * CHECKER_SIDE < width; column += 2) {
      const corner = [x + column * CHECKER_SIDE, y + row * CHECKER_SIDE]
      context.fillRect(...corner, CHECKER_SIDE, CHECKER_SIDE)
    }
  }
  context.restore()
}
