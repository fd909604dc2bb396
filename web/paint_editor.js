// The mask painter: a brush on any frame of a clip; the result is a JSON text.
// Plain DOM; knows nothing of ComfyUI.

import { button, clamp, isPlain, make, readJson } from './frame_view.js'
import { PlainFrames } from './plain_frames.js'

const UNITS = 10_000 // in a frame's width or height, as in vivid_core/mask/paint.py
const MOST_RADIUS = UNITS / 4
const FARTHEST = 2 * UNITS
const MOST_TEXT = 4 * 2 ** 20 // characters, and so on: as the node reads
const MOST_FRAMES = 10_000
const MOST_STROKES = 20_000
const LAST_FRAME = 10 ** 9 - 1
const FIRST_RADIUS = 300
const STEP = 1.2 // of the brush's size, a press of a bracket
const THIN = 0.15 // of the radius: places nearer to the last one than this are left out
const COLOR = '#29c7ff'
const EARLIER = '#ff8a3d' // the painted frame before and after, as onion skin
const LATER = '#5ee06f'
const STRONG = 0.5 // opacity
const FAINT = 0.22
const EMPTY = 'Set width, height and length: the mask is painted here, before any run.'
const LEGEND = [
  'drag: paint', 'right-drag or E: erase', '[ ]: brush size', 'Ctrl-wheel: zoom',
  'space and drag: move', '\u2190 \u2192: frames'
]
const TOOLS = { brush: 'Brush', eraser: 'Eraser' }

export class PaintEditor extends PlainFrames {
  constructor(options) {
    super(options)
    this.tool = 'brush'
    this.radius = FIRST_RADIUS
    this.onion = true
    this.keepsTrack = false
    this.stroke = null // the one that is being drawn
    this.masks = { kind: 'base', urls: [] }
    this.layer = document.createElement('canvas')
    const tools = [...this.buildTools(), this.buildSize(), this.buildOnion(), ...this.buildEdits()]
    this.build({ className: 've-paint', legend: LEGEND, empty: EMPTY, tools })
    this.stage.addEventListener('pointermove', (event) => this.hover(event))
    this.stage.addEventListener('pointerleave', () => this.hover(null))
  }

  // --- the parts ---

  buildTools() {
    this.toolButtons = Object.entries(TOOLS).map(([tool, label]) => {
      const one = button(label, () => this.choose(tool), `${label} (${label[0]})`)
      one.dataset.tool = tool
      return one
    })
    return this.toolButtons
  }

  buildSize() {
    this.sizeField = make('input', '', { type: 'range', min: 0, max: 1, step: 0.005 })
    this.sizeField.setAttribute('aria-label', 'Brush size')
    this.sizeField.title = 'Brush size ([ and ])'
    this.sizeField.oninput = () => this.setRadius(MOST_RADIUS ** this.sizeField.valueAsNumber)
    const label = make('label', 've-field')
    label.append('size', this.sizeField)
    return label
  }

  buildOnion() {
    const box = make('input', '', { type: 'checkbox', checked: this.onion })
    box.onchange = () => {
      this.onion = box.checked
      this.draw()
    }
    const label = make('label', 've-mask', { title: 'The painted frames before and after' })
    label.append(box, 'onion skin')
    return label
  }

  buildEdits() {
    this.copyButton = button('Copy nearest', () => this.copyNearest(),
      'The strokes of the nearest painted frame on this one too')
    this.emptyButton = button('Empty frame', () => this.emptyFrame(),
      'Nothing is selected on this frame, whatever was there before')
    this.betweenButton = button('In-betweens', () => this.toggleBetween(),
      'From the painted frame before to the one after, the frames between turn from one into the other')
    return [this.copyButton, this.emptyButton, this.betweenButton]
  }

  // --- the text ---

  blank() {
    return { frames: {}, between: [] }
  }

  parse(text) {
    if (text.length > MOST_TEXT) fail('the text is too long')
    const data = readJson(text)
    requireKeys(data, ['version', 'frames', 'between'], 'the text')
    if ((data.version ?? 1) !== 1) fail('it is of another version of this editor')
    if (!isPlain(data.frames ?? {})) fail('it lists no frames')
    const entries = Object.entries(data.frames ?? {})
    if (entries.length > MOST_FRAMES) fail('it has too many painted frames')
    for (const [key] of entries) if (!/^(0|[1-9]\d{0,8})$/.test(key)) fail(`${key} is no frame`)
    const frames = Object.fromEntries(entries.map(([key, list]) => [key, parseStrokes(list, key)]))
    const strokes = Object.values(frames).reduce((sum, list) => sum + list.length, 0)
    if (strokes > MOST_STROKES) fail('it has too many strokes')
    return { frames, between: parseStretches(data.between ?? []) }
  }

  format() {
    const painted = Object.entries(this.state.frames).filter(([, strokes]) => strokes.length)
    const { between } = this.state
    if (!painted.length && !between.length) return ''
    const frames = Object.fromEntries(painted)
    return JSON.stringify({ version: 1, frames, ...(between.length ? { between } : {}) })
  }

  get strokes() {
    return this.state.frames[this.frame] ?? []
  }

  get painted() {
    return Object.keys(this.state.frames).map(Number).filter((f) => this.state.frames[f].length)
  }

  // --- what is shown ---

  // Masks that a run gave, one a frame: kind "base" is what strokes are done on, "between" what
  // frames without strokes became.
  showMasks(kind, urls) {
    this.masks = { kind, urls }
    this.draw()
  }

  marks() {
    return this.painted.map((frame) => ({ frame, color: COLOR }))
  }

  messageParts() {
    if (this.readOnlyNote || this.problem) return super.messageParts()
    const named = [...this.painted, ...this.state.between.flat()]
    if (this.size && named.some((frame) => frame >= this.frameCount)) {
      return ['Some paint lies after the last frame.', ['Remove it', () => this.crop()]]
    }
    const [first, last] = this.stretch ?? []
    const inside = this.keepsTrack && first < this.frame && this.frame < last && !this.strokes.length
    if (!inside) return ['']
    return [`This frame lies between ${first} and ${last}: a run shows what it becomes.`]
  }

  refresh() {
    for (const one of this.toolButtons) one.setAttribute('aria-pressed', one.dataset.tool === this.tool)
    this.sizeField.value = Math.log(this.radius) / Math.log(MOST_RADIUS)
    this.copyButton.disabled = this.locked || this.nearest === undefined
    this.emptyButton.disabled = this.locked
    this.betweenButton.hidden = !this.keepsTrack
    this.betweenButton.disabled = this.locked || !(this.stretch ?? this.openStretch)
    this.betweenButton.setAttribute('aria-pressed', Boolean(this.stretch))
    super.refresh()
  }

  // --- changes ---

  choose(tool) {
    this.tool = tool
    this.refresh()
  }

  setRadius(radius) {
    this.radius = Math.round(clamp(radius, 1, MOST_RADIUS))
    this.refresh()
  }

  setStrokes(strokes) {
    if (this.locked) return
    this.state.frames[this.frame] = strokes
    this.commit()
  }

  clearFrame() {
    this.setStrokes([])
  }

  emptyFrame() {
    this.setStrokes([{ clear: true }])
  }

  removeSelected() {}

  crop() {
    for (const frame of this.painted) if (frame >= this.frameCount) delete this.state.frames[frame]
    this.state.between = this.state.between.filter(([, last]) => last < this.frameCount)
    this.commit()
  }

  // Whether frames without paint keep what they were: then in-betweens are asked for.
  setKeepsTrack(keeps) {
    this.keepsTrack = keeps
    this.refresh()
  }

  // The stretch of in-betweens that this frame lies in; its ends belong to it.
  get stretch() {
    return this.state.between.find(([first, last]) => first <= this.frame && this.frame <= last)
  }

  // The stretch that could be: between the painted frames around this one, which is the later end
  // if it is painted itself, else the earlier one. It overlaps no other.
  get openStretch() {
    const painted = this.painted.sort((a, b) => a - b)
    const here = painted.includes(this.frame) ? this.frame : undefined
    const before = painted.findLast((frame) => frame < this.frame)
    const after = painted.find((frame) => frame > this.frame)
    const ends = [before ?? here, before === undefined ? after : here ?? after]
    const [first, last] = ends
    const free = this.state.between.every((one) => last <= one[0] || one[1] <= first)
    return last - first > 1 && free ? ends : null
  }

  toggleBetween() {
    const { stretch, openStretch } = this
    if (this.locked || !(stretch ?? openStretch)) return
    const others = this.state.between.filter((one) => one !== stretch)
    this.state.between = stretch ? others : [...others, openStretch].sort((a, b) => a[0] - b[0])
    this.commit()
  }

  // The painted frame that is nearest to this one; of two the earlier.
  get nearest() {
    const others = this.painted.filter((frame) => frame !== this.frame)
    const far = (frame) => Math.abs(frame - this.frame)
    return others.sort((a, b) => far(a) - far(b) || a - b)[0]
  }

  copyNearest() {
    if (this.nearest === undefined) return
    this.setStrokes([...this.strokes, ...this.state.frames[this.nearest]])
  }

  // --- keys and pointer ---

  pressKey(event) {
    const key = event.key.toLowerCase()
    if (event.ctrlKey || event.metaKey || event.altKey) return super.pressKey(event)
    if (key === 'b') this.choose('brush')
    else if (key === 'e') this.choose('eraser')
    else if (key === ']') this.setRadius(Math.max(this.radius * STEP, this.radius + 1))
    else if (key === '[') this.setRadius(this.radius / STEP)
    else return super.pressKey(event)
    return true
  }

  press(place, event) {
    const kind = event.button === 2 ? 'eraser' : this.tool
    const stroke = { [kind]: this.radius, at: this.unitsOf(place) }
    const at = this.frame
    this.stroke = { frame: at, stroke }
    return {
      move: (to) => this.extend(stroke.at, to),
      end: () => {
        this.stroke = null
        this.state.frames[at] = [...(this.state.frames[at] ?? []), stroke]
        this.commit()
      },
      cancel: () => {
        this.stroke = null
      }
    }
  }

  extend(at, place) {
    const [x, y] = this.unitsOf(place)
    const far = Math.hypot(x - at.at(-2), ((y - at.at(-1)) * this.size.height) / this.size.width)
    if (far >= Math.max(2, THIN * this.radius)) at.push(x, y)
  }

  unitsOf({ x, y }) {
    const { width, height } = this.size
    const units = (share) => Math.round(clamp(share * UNITS, -FARTHEST, FARTHEST))
    return [units(x / width), units(y / height)]
  }

  hover(event) {
    this.pointer = event && this.size ? this.placeOf(event) : null
    this.draw()
  }

  leaveFrame() {
    this.stroke = null
  }

  // --- drawing ---

  paint(context) {
    const { x, y, scale } = this.fit()
    context.save()
    context.beginPath()
    context.rect(x, y, this.size.width * scale, this.size.height * scale)
    context.clip()
    if (this.onion) this.paintOnion(context)
    const drawn = this.stroke?.frame === this.frame ? [...this.strokes, this.stroke.stroke] : this.strokes
    const below = this.masks.kind === 'base' || !drawn.length ? this.maskAt(this.frame) : null
    this.paintLayer(context, { below, strokes: drawn, color: COLOR, opacity: STRONG })
    context.restore()
    if (this.pointer) this.paintBrush(context)
  }

  paintOnion(context) {
    const others = this.painted.filter((frame) => frame !== this.frame).sort((a, b) => a - b)
    const earlier = others.findLast((frame) => frame < this.frame)
    const later = others.find((frame) => frame > this.frame)
    for (const [frame, color] of [[earlier, EARLIER], [later, LATER]]) {
      const strokes = this.state.frames[frame] ?? []
      const below = this.masks.kind === 'base' && frame !== undefined ? this.maskAt(frame) : null
      if (strokes.length) this.paintLayer(context, { below, strokes, color, opacity: FAINT })
    }
  }

  maskAt(frame) {
    return this.pictures.at(this.masks.urls, frame)
  }

  // A mask and strokes on it, as one tint.
  paintLayer(context, { below, strokes, color, opacity }) {
    const { canvas } = this
    Object.assign(this.layer, { width: canvas.width, height: canvas.height })
    const layer = this.layer.getContext('2d')
    layer.setTransform(context.getTransform())
    const { x, y, scale } = this.fit()
    const [wide, high] = [this.size.width * scale, this.size.height * scale]
    if (below) layer.drawImage(below, x, y, wide, high)
    layer.lineCap = layer.lineJoin = 'round'
    for (const stroke of strokes) drawStroke(layer, stroke, { x, y, wide, high })
    layer.globalCompositeOperation = 'source-in'
    layer.fillStyle = color
    layer.fillRect(x, y, wide, high)
    context.save()
    context.globalAlpha = opacity
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.drawImage(this.layer, 0, 0)
    context.restore()
  }

  paintBrush(context) {
    const { x, y, scale } = this.fit()
    const radius = (this.radius / UNITS) * this.size.width * scale
    for (const [style, thick] of [['#000a', 3], [this.tool === 'brush' ? '#fff' : '#ffb454', 1.5]]) {
      context.beginPath()
      context.arc(x + this.pointer.x * scale, y + this.pointer.y * scale, radius, 0, 2 * Math.PI)
      context.strokeStyle = style
      context.lineWidth = thick
      context.stroke()
    }
  }
}

function drawStroke(layer, stroke, { x, y, wide, high }) {
  if (stroke.clear) {
    layer.clearRect(x, y, wide, high)
    return
  }
  const { brush, eraser, at } = stroke
  const [left, top] = [x + (at[0] / UNITS) * wide, y + (at[1] / UNITS) * high]
  layer.globalCompositeOperation = eraser ? 'destination-out' : 'source-over'
  layer.strokeStyle = '#fff'
  layer.lineWidth = (2 * (brush ?? eraser) * wide) / UNITS
  layer.beginPath()
  layer.moveTo(left, top)
  layer.lineTo(left + 0.01, top) // a click alone is a dot
  for (let i = 2; i < at.length; i += 2) {
    layer.lineTo(x + (at[i] / UNITS) * wide, y + (at[i + 1] / UNITS) * high)
  }
  layer.stroke()
  layer.globalCompositeOperation = 'source-over'
}

function fail(what) {
  throw new Error(`The saved painting is damaged: ${what}.`)
}

function requireKeys(data, known, where) {
  if (!isPlain(data)) fail(`${where} is no object`)
  const unknown = Object.keys(data).find((key) => !known.includes(key))
  if (unknown !== undefined) fail(`${where} has an unknown part, ${unknown.slice(0, 40)}`)
}

function parseStrokes(list, frame) {
  if (!Array.isArray(list)) fail(`frame ${frame} has no list of strokes`)
  return list.map((stroke) => {
    requireKeys(stroke, ['brush', 'eraser', 'at', 'clear'], `a stroke on frame ${frame}`)
    const kinds = Object.keys(stroke).filter((key) => key !== 'at')
    if (kinds.length !== 1) fail(`a stroke on frame ${frame} is of no kind, or of several`)
    const [kind] = kinds
    const { [kind]: radius, at } = stroke
    if (kind === 'clear') {
      if (radius !== true || at !== undefined) fail(`a stroke on frame ${frame}`)
      return { clear: true }
    }
    if (!Number.isInteger(radius) || radius < 1 || radius > MOST_RADIUS) fail(`a brush on frame ${frame}`)
    const places = Array.isArray(at) && at.length > 0 && at.length % 2 === 0
    if (!places || !at.every((n) => Number.isInteger(n) && Math.abs(n) <= FARTHEST)) {
      fail(`a stroke on frame ${frame}`)
    }
    return { [kind]: radius, at: [...at] }
  })
}

function parseStretches(list) {
  if (!Array.isArray(list) || list.length > MOST_FRAMES) fail('its stretches of in-betweens')
  let before = 0
  return list.map((pair) => {
    const [first, last] = Array.isArray(pair) && pair.length === 2 ? pair : []
    const whole = Number.isInteger(first) && Number.isInteger(last) && last <= LAST_FRAME
    if (!whole || first < before || last - first < 2) fail('a stretch of in-betweens')
    before = last
    return [first, last]
  })
}
