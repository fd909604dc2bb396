// The path editor: where a shape is at some frames; the result is a JSON text.
// Plain DOM; knows nothing of ComfyUI.

import { clamp, isNumber, isPlain, make, readJson, roundTo } from './frame_view.js'
import { PlainFrames } from './plain_frames.js'

const COLOR = '#29c7ff'
const OTHER = '#9fb3bd'
const EMPTY = 'Set width, height and length: the path is drawn here, before any run.'
const LEGEND = [
  'click: where it is at this frame', 'drag: move', 'Ctrl-wheel on a point: scale, beside it: zoom',
  'Alt-wheel: angle', 'Delete: remove', '\u2190 \u2192: frames'
]
const DOT = 6 // CSS pixels
const AROUND = 0.12 // of the frame, so that a path can begin and end outside of it
const FARTHEST = 10 // shares of the frame; beyond that a place is a mistake
const MOST_SCALE = 100 // as in vivid_core/mask/animate.py
const LEAST_SCALE = 0.01
const SCALE_STEP = 1.05 // a notch of the wheel
const ANGLE_STEP = 5 // degrees, a notch of the wheel
const LINE_STEPS = 240 // straight pieces that the curve is drawn with
const OUTLINES = {
  ellipse: (context, w, h) => context.ellipse(0, 0, w, h, 0, 0, 2 * Math.PI),
  box: (context, w, h) => context.rect(-w, -h, 2 * w, 2 * h),
  diamond: (context, w, h) => {
    context.moveTo(0, -h)
    context.lineTo(w, 0)
    context.lineTo(0, h)
    context.lineTo(-w, 0)
    context.closePath()
  }
}

export class PathEditor extends PlainFrames {
  margin = AROUND

  constructor(options) {
    super(options)
    this.motion = {}
    const tools = [this.buildField('scale', 0.05), this.buildField('angle', 1)]
    this.build({ className: 've-path', legend: LEGEND, empty: EMPTY, tools })
    // In front of the host, whose wheel may zoom everything before it gets here.
    window.addEventListener('wheel', this.turn, { capture: true, passive: false })
  }

  buildField(name, step) {
    const field = make('input', '', { type: 'number', step })
    field.onchange = () => this.setSelected(name, field.valueAsNumber)
    const label = make('label', 've-field')
    label.append(name, field)
    this.fields = { ...this.fields, [name]: field }
    return label
  }

  remove() {
    window.removeEventListener('wheel', this.turn, { capture: true })
    super.remove()
  }

  // --- the text ---

  blank() {
    return { points: [] }
  }

  parse(text) {
    const data = readJson(text)
    if (!Array.isArray(data)) fail('it is no list of points')
    const points = data.map(parsePoint).sort((a, b) => a.frame - b.frame)
    const double = points.find((point, index) => point.frame === points[index + 1]?.frame)
    if (double) fail(`it has two points at frame ${double.frame}`)
    return { points }
  }

  format() {
    const { points } = this.state
    return points.length ? JSON.stringify(points) : ''
  }

  // --- what is shown ---

  // What travels, and how: shape "ellipse", "box", "diamond" or another; sizeX and sizeY as shares
  // of the frame; ease "smooth", "linear" or "ease"; `follows`: the path moves with something.
  setMotion(motion) {
    this.motion = motion
    this.draw()
  }

  marks() {
    return this.state.points.map(({ frame }) => ({ frame, color: COLOR }))
  }

  messageParts() {
    if (this.readOnlyNote || this.problem) return super.messageParts()
    const beyond = this.size && this.state.points.some(({ frame }) => frame >= this.frameCount)
    if (!beyond) return ['']
    return [
      'Some points lie after the last frame.', ['Fit them to the clip', () => this.fitToLength()],
      ['Remove them', () => this.crop()]
    ]
  }

  refresh() {
    const point = this.locked ? undefined : this.selected
    for (const [name, field] of Object.entries(this.fields)) {
      field.value = point ? point[name] : ''
      field.disabled = !point
    }
    super.refresh()
  }

  // --- changes ---

  get selected() {
    return this.state.points.find(({ frame }) => frame === this.frame)
  }

  setSelected(name, value) {
    if (!this.selected || !isNumber(value)) return this.refresh()
    this.selected[name] = legal(name, value)
    this.commit()
  }

  // The whole path in the frames that there are; of points that meet on a frame the last one stays.
  fitToLength() {
    const { points } = this.state
    const share = Math.max(0, this.frameCount - 1) / points.at(-1).frame
    const fitted = points.map((point) => ({ ...point, frame: Math.round(point.frame * share) }))
    this.state.points = fitted.filter(({ frame }, index) => frame !== fitted[index + 1]?.frame)
    this.commit()
  }

  crop() {
    this.state.points = this.state.points.filter(({ frame }) => frame < this.frameCount)
    this.commit()
  }

  clearFrame() {
    this.removeSelected()
  }

  removeSelected() {
    this.state.points = this.state.points.filter((point) => point !== this.selected)
    this.commit()
  }

  // The point of this frame, at a place; a new one takes scale and angle from the one before.
  put(place) {
    const { points } = this.state
    const before = points.findLast(({ frame }) => frame < this.frame) ?? points[0]
    const { scale, angle } = before ?? { scale: 1, angle: 0 }
    const point = this.selected ?? { frame: this.frame, x: 0, y: 0, scale, angle }
    if (point !== this.selected) points.push(point)
    points.sort((a, b) => a.frame - b.frame)
    this.move(point, place)
    return point
  }

  move(point, { x, y }) {
    const { width, height } = this.size
    point.x = roundTo(clamp(x / width, -FARTHEST, FARTHEST), 4)
    point.y = roundTo(clamp(y / height, -FARTHEST, FARTHEST), 4)
  }

  // --- pointer ---

  press(place, event) {
    if (event.button !== 0) return null
    const found = this.hit(place)
    if (found) this.seek(found.frame)
    const point = found ?? this.put(place)
    let moved = !found
    return {
      move: (at) => {
        moved = true
        this.move(point, at)
      },
      end: () => moved && this.commit()
    }
  }

  doublePress(place) {
    if (!this.hit(place)) return
    this.seek(this.hit(place).frame)
    this.removeSelected()
  }

  // The nearest point within reach; this frame's comes first.
  hit(place) {
    const { width, height } = this.size
    const far = ({ x, y }) => Math.hypot(x * width - place.x, y * height - place.y)
    if (this.selected && far(this.selected) <= place.reach) return this.selected
    const near = this.state.points.filter((point) => far(point) <= place.reach)
    return near.sort((a, b) => far(a) - far(b))[0]
  }

  // On a point the wheel scales it.
  takesWheel(event) {
    return !this.locked && this.hit(this.placeOf(event)) !== undefined
  }

  turn = (event) => {
    const name = event.ctrlKey ? 'scale' : event.altKey ? 'angle' : ''
    if (!name || this.locked || !this.stage.contains(event.target)) return
    const point = this.hit(this.placeOf(event))
    if (!point) return
    event.preventDefault()
    event.stopImmediatePropagation()
    this.seek(point.frame)
    const notch = -Math.sign(event.deltaY || event.deltaX)
    if (name === 'scale') point.scale = legal(name, point.scale * SCALE_STEP ** notch)
    else point.angle = legal(name, point.angle + ANGLE_STEP * notch)
    this.commit(`${name} ${point.frame}`)
  }

  // --- drawing ---

  paint(context) {
    const { points } = this.state
    context.setLineDash([5, 4])
    context.strokeStyle = '#fff6'
    context.lineWidth = 1
    const { x, y, scale } = this.fit()
    context.strokeRect(x, y, this.size.width * scale, this.size.height * scale)
    context.setLineDash([])
    if (!points.length) return
    this.paintLine(context)
    for (const point of points) this.paintShape(context, point, point === this.selected)
    if (!this.selected && !this.motion.follows) this.paintShape(context, this.here, true)
    for (const point of points) this.paintPoint(context, point)
  }

  // Where the shape is at this frame.
  get here() {
    return pointAt(this.state.points, this.frame, this.motion.ease)
  }

  // What the path follows is not known here: then straight lines join its points.
  paintLine(context) {
    const { points } = this.state
    const ease = this.motion.follows ? 'linear' : this.motion.ease
    const last = points.at(-1).frame
    const step = Math.max(1, last - points[0].frame) / LINE_STEPS
    context.beginPath()
    for (let at = points[0].frame; at < last; at += step) {
      context.lineTo(...this.onStage(pointAt(points, at, ease)))
    }
    context.lineTo(...this.onStage(points.at(-1)))
    for (const [style, thick] of [['#000a', 4], [COLOR, 2]]) {
      context.strokeStyle = style
      context.lineWidth = thick
      context.stroke()
    }
  }

  paintShape(context, point, strong) {
    const { shape, sizeX, sizeY } = this.motion
    if (!OUTLINES[shape]) return
    const scale = (this.fit().scale * point.scale) / 2
    const [w, h] = [sizeX * this.size.width * scale, sizeY * this.size.height * scale]
    context.save()
    context.translate(...this.onStage(point))
    context.rotate((point.angle * Math.PI) / 180)
    context.beginPath()
    OUTLINES[shape](context, w, h)
    context.globalAlpha = strong ? 1 : 0.35
    context.strokeStyle = strong ? '#fff' : COLOR
    context.lineWidth = 1.5
    context.stroke()
    context.restore()
  }

  paintPoint(context, point) {
    const [x, y] = this.onStage(point)
    const chosen = point === this.selected
    context.beginPath()
    context.arc(x, y, DOT, 0, 2 * Math.PI)
    context.fillStyle = chosen ? COLOR : OTHER
    context.fill()
    context.lineWidth = 2
    context.strokeStyle = chosen ? '#fff' : '#000'
    context.stroke()
    context.font = '600 11px Inter, system-ui, sans-serif'
    context.lineWidth = 3
    context.strokeStyle = '#000c'
    context.strokeText(point.frame, x + 10, y - 7)
    context.fillStyle = '#fff'
    context.fillText(point.frame, x + 10, y - 7)
  }

  onStage({ x, y }) {
    const fit = this.fit()
    return [fit.x + x * this.size.width * fit.scale, fit.y + y * this.size.height * fit.scale]
  }
}

function fail(what) {
  throw new Error(`The saved path is damaged: ${what}.`)
}

function parsePoint(data, index) {
  if (!isPlain(data)) fail(`point ${index} is not readable`)
  const { frame, x, y, scale = 1, angle = 0 } = data
  if (!Number.isInteger(frame) || frame < 0) fail(`point ${index} has no frame`)
  if (![x, y, scale, angle].every(isNumber)) fail(`point ${index} lacks a number`)
  if (scale <= 0 || scale > MOST_SCALE) fail(`the scale of point ${index} is not possible`)
  return { frame, x, y, scale, angle }
}

// The same as `interpolate` in vivid_core/mask/animate.py; sizes by their logarithm.
function pointAt(points, frame, ease) {
  const values = points.map(({ x, y, scale, angle }) => [x, y, Math.log(scale), angle])
  const [x, y, size, angle] = interpolate(points.map((p) => p.frame), values, frame, ease)
  return { x, y, scale: Math.exp(size), angle }
}

function interpolate(times, values, at, ease) {
  const last = times.length - 1
  if (at <= times[0]) return values[0]
  if (at >= times[last]) return values[last]
  const i = times.findLastIndex((time) => time <= at)
  const share = (at - times[i]) / (times[i + 1] - times[i])
  const even = ease === 'ease' ? slow(share) : share
  if (ease !== 'smooth') return blend(values[i], values[i + 1], even)
  const span = times[i + 1] - times[i]
  const [start, end] = [tangent(times, values, i), tangent(times, values, i + 1)]
  const [square, cube] = [share ** 2, share ** 3]
  return values[i].map(
    (value, k) =>
      (2 * cube - 3 * square + 1) * value +
      (cube - 2 * square + share) * start[k] * span +
      (3 * square - 2 * cube) * values[i + 1][k] +
      (cube - square) * end[k] * span
  )
}

function tangent(times, values, i) {
  const [low, high] = [Math.max(0, i - 1), Math.min(times.length - 1, i + 1)]
  return values[high].map((value, k) => (value - values[low][k]) / (times[high] - times[low]))
}

const slow = (share) => share * share * (3 - 2 * share)
const blend = (one, other, share) => one.map((v, k) => (1 - share) * v + share * other[k])
const legal = (name, value) =>
  name === 'scale' ? roundTo(clamp(value, LEAST_SCALE, MOST_SCALE), 3) : roundTo(value, 1)
