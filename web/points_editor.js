// The points editor: an artist clicks on what shall be followed; the result is a JSON text.
// Plain DOM; knows nothing of ComfyUI.

import {
  FrameEditor, button, clamp, isNumber, isPlain, make, readJson, roundTo
} from './frame_view.js'

const COLORS = [
  '#29c7ff', '#ff8a3d', '#5ee06f', '#ff5fa8', '#ffd84a', '#a98bff', '#3de0c8', '#ff6b5e'
]
const EMPTY = 'Press Run once: the frames of the clip appear here, then click on what to follow.'
const GONE = 'The frames are not here: press Run once to see them.'
const LOADING = 'The frames are on their way.'
const LEGEND = [
  'click: on it', 'shift-click or right-click: not it', 'drag: box around it',
  'double-click or Delete: remove', 'Ctrl-wheel: zoom', '\u2190 \u2192: frames'
]
const SMALLEST_BOX = 3 // pixels of the clip
const SMALLEST_DRAG = 4 // CSS pixels: less is a click by an unsteady hand
const DOT = 6.5 // CSS pixels
const CORNERS = [[0, 1], [2, 1], [2, 3], [0, 3]] // of [left, top, right, bottom]

export class PointsEditor extends FrameEditor {
  constructor(options) {
    super(options)
    this.current = 1 // id of the object that clicks belong to
    this.selected = null // {id, point} or {id, box: true} on this frame
    this.draft = null // the box that is being drawn
    this.chips = make('div', 've-objects')
    this.build({ className: 've-points', legend: LEGEND, empty: EMPTY, tools: [this.chips] })
  }

  // --- the text ---

  blank() {
    const objects = this.state?.objects ?? [{ id: 1, name: '' }]
    const size = this.state?.size ?? null
    return { size, objects: objects.map(({ id, name }) => ({ id, name, frames: {} })) }
  }

  parse(text) {
    const data = readJson(text)
    if (!isPlain(data) || !Array.isArray(data.objects)) fail('it lists no objects')
    if ((data.version ?? 1) !== 1) fail('it is of another version of this editor')
    const objects = data.objects.map(parseObject)
    if (new Set(objects.map(({ id }) => id)).size !== objects.length) fail('an object stands twice')
    const size = data.size ?? null
    if (size !== null && !isSize(size)) fail('its size is no [height, width]')
    return { size, objects: withIdle(objects, this.state.objects) }
  }

  format() {
    const objects = this.state.objects.filter(({ frames }) => Object.values(frames).some(holds))
    if (!objects.length) return ''
    const { size } = this.state
    return JSON.stringify({ version: 1, ...(size ? { size } : {}), objects: objects.map(filled) })
  }

  readText() {
    this.selected = null
    super.readText()
  }

  commit(name) {
    if (this.data) this.state.size = [this.data.height, this.data.width]
    super.commit(name)
  }

  setValue(text) {
    if (text === this.text) return
    this.state = null
    this.state = this.blank()
    super.setValue(text)
    this.choose(this.state.objects[0].id)
  }

  // --- what is shown ---

  get size() {
    if (this.data) return { width: this.data.width, height: this.data.height }
    const { size } = this.state
    return size && { width: size[1], height: size[0] }
  }

  get frameCount() {
    const most = Math.max(-1, ...this.marks().map(({ frame }) => frame))
    return this.data ? this.pictured : most + 1
  }

  marks() {
    return this.state.objects.flatMap((object) =>
      Object.entries(object.frames)
        .filter(([, entry]) => holds(entry))
        .map(([frame]) => ({ frame: Number(frame), color: colorOf(object.id) }))
    )
  }

  get misfit() {
    const { size } = this.state
    if (!this.data || !size || !this.text) return false
    return size[0] !== this.data.height || size[1] !== this.data.width
  }

  get locked() {
    return super.locked || this.misfit
  }

  messageParts() {
    if (this.readOnlyNote || this.problem) return super.messageParts()
    if (this.misfit) return this.misfitParts()
    const beyond = this.marks().some(({ frame }) => frame >= this.frameCount)
    const remedy = ['Remove them', () => this.crop()]
    if (this.isLoading) return [LOADING]
    if (!this.data) return [this.text ? GONE : '']
    if (beyond) return ['Some prompts lie after the last frame.', remedy]
    if (this.outside) return ['Some prompts lie outside the frame.', ['Move them in', () => this.moveIn()]]
    return this.maskHere ? ['On this frame the object has a mask from elsewhere.'] : ['']
  }

  misfitParts() {
    const afresh = ['Start afresh', () => this.startAfresh()]
    const [height, width] = this.state.size
    const words = `These prompts were set on frames of ${width}\u00d7${height}, this clip is ` +
      `${this.data.width}\u00d7${this.data.height}.`
    if (this.entries().some(([, entry]) => entry.mask)) return [words, afresh]
    return [words, ['Scale them', () => this.scaleToClip()], afresh]
  }

  // Prompts of no known size, as from a workflow that a program wrote.
  get outside() {
    const { width, height } = this.data
    const isOutside = (x, y, least) => x < 0 || y < 0 || x > width - least || y > height - least
    return this.entries().some(([, entry]) =>
      pointsOf(entry).some(([x, y]) => isOutside(x, y, 0.1)) ||
      (entry.box && [0, 2].some((at) => isOutside(entry.box[at], entry.box[at + 1], 0)))
    )
  }

  get maskHere() {
    return Boolean(this.object.frames[this.frame]?.mask)
  }

  refresh() {
    this.drawChips()
    super.refresh()
  }

  // --- objects ---

  get object() {
    return this.state.objects.find(({ id }) => id === this.current) ?? this.state.objects[0]
  }

  choose(id) {
    this.current = id
    if (this.selected?.id !== id) this.selected = null
    this.refresh()
  }

  addObject() {
    const id = Math.max(0, ...this.state.objects.map((object) => object.id)) + 1
    this.state.objects.push({ id, name: '', frames: {} })
    this.choose(id)
  }

  // Chips stay the same elements while they say the same, so that a double-click reaches one.
  drawChips() {
    const said = JSON.stringify(this.state.objects.map(({ id, name }) => [id, name]))
    if (said !== this.chipsSaid) {
      const add = button('+ object', () => this.addObject(), 'Follow one more object')
      add.classList.add('ve-add')
      this.chips.replaceChildren(...this.state.objects.map((object) => this.chipOf(object)), add)
      this.chipsSaid = said
    }
    for (const chip of this.chips.children) {
      chip.setAttribute('aria-pressed', chip.dataset.id === String(this.object.id))
    }
  }

  chipOf({ id, name }) {
    const title = 'Clicks belong to this object; double-click to name it'
    const chip = button(name ? `${id} ${name}` : `${id}`, () => this.choose(id), title)
    chip.dataset.id = id
    chip.style.setProperty('--ve-object', colorOf(id))
    chip.ondblclick = (event) => {
      event.stopPropagation()
      if (!this.locked) this.rename(id, chip)
    }
    return chip
  }

  rename(id, chip) {
    const object = this.state.objects.find((one) => one.id === id)
    const field = make('input', 've-name', { type: 'text', value: object.name, maxLength: 40 })
    field.setAttribute('aria-label', `Name of object ${id}`)
    const close = (name) => {
      field.onblur = null
      this.chipsSaid = ''
      const known = this.state.objects.find((one) => one.id === id)
      if (known) known.name = name
      this.commit()
    }
    field.onblur = () => close(field.value.trim())
    field.onkeydown = (event) => {
      if (event.key === 'Escape') field.value = object.name
      if (['Enter', 'Escape'].includes(event.key)) this.scrubber.focus({ preventScroll: true })
    }
    chip.replaceWith(field)
    field.select()
  }

  // --- changes ---

  clearFrame() {
    for (const object of this.state.objects) delete object.frames[this.frame]
    this.selected = null
    this.commit()
  }

  clearAll() {
    this.selected = null
    super.clearAll()
  }

  crop() {
    for (const object of this.state.objects) {
      for (const frame of Object.keys(object.frames)) {
        if (Number(frame) >= this.frameCount) delete object.frames[frame]
      }
    }
    this.commit()
  }

  scaleToClip() {
    const { width, height } = this.data
    const [x, y] = [width / this.state.size[1], height / this.state.size[0]]
    for (const [, entry] of this.entries()) {
      entry.points = pointsOf(entry).map((p) => [...this.pointAt(p[0] * x, p[1] * y), p[2]])
      if (entry.box) {
        const [left, top, right, bottom] = entry.box
        entry.box = this.boxOf({ x: left * x, y: top * y }, { x: right * x, y: bottom * y })
      }
    }
    this.commit()
  }

  // Prompts of no known size lie in the clip's own pixels.
  moveIn() {
    this.state.size = [this.data.height, this.data.width]
    this.scaleToClip()
  }

  entries() {
    return this.state.objects.flatMap(({ frames }) => Object.entries(frames))
  }

  leaveFrame() {
    this.selected = null
  }

  // The prompts of the current object on this frame, made if there are none.
  entry() {
    this.object.frames[this.frame] ??= {}
    return this.object.frames[this.frame]
  }

  addPoint({ x, y }, label) {
    const entry = this.entry()
    entry.points = [...pointsOf(entry), [...this.pointAt(x, y), label]]
    this.selected = { id: this.object.id, point: entry.points.length - 1 }
    this.commit()
  }

  removeSelected() {
    const entry = this.selected && this.object.frames[this.frame]
    if (!entry) return
    if (this.selected.box) delete entry.box
    else entry.points.splice(this.selected.point, 1)
    this.selected = null
    this.commit()
  }

  pointAt(x, y) {
    const { width, height } = this.size
    return [clampTenth(x, width - 0.1), clampTenth(y, height - 0.1)]
  }

  boxOf(one, other) {
    const { width, height } = this.size
    const across = [one.x, other.x].map((x) => clampTenth(x, width)).sort((a, b) => a - b)
    const down = [one.y, other.y].map((y) => clampTenth(y, height)).sort((a, b) => a - b)
    return [across[0], down[0], across[1], down[1]]
  }

  // --- pointer ---

  press(place, event) {
    const found = this.hit(place)
    if (found) {
      this.choose(found.id)
      this.selected = { id: found.id, point: found.point, box: found.box }
      this.refresh()
      return event.button === 0 ? this.dragOf(found) : null
    }
    if (!place.inside || this.maskHere) return null
    if (event.button === 2 || event.shiftKey) return this.addPoint(place, 0)
    return this.drawBox(place)
  }

  doublePress(place) {
    if (this.hit(place)) this.removeSelected()
  }

  dragOf(found) {
    const entry = this.entry()
    const move = found.box
      ? (place) => {
          const box = this.boxOf(found.opposite, place)
          if (isLarge(box)) entry.box = box
        }
      : (place) => entry.points[found.point].splice(0, 2, ...this.pointAt(place.x, place.y))
    return this.afterMoving(move)
  }

  // A press that does not move leaves everything where it is.
  afterMoving(move) {
    let moved = false
    return {
      move: (place) => {
        moved = true
        move(place)
      },
      end: () => moved && this.commit()
    }
  }

  drawBox(start) {
    return {
      move: (place) => {
        this.draft = isDrag(start, place) ? this.boxOf(start, place) : null
      },
      end: (place) => {
        this.draft = null
        const box = this.boxOf(start, place)
        if (!isDrag(start, place) || !isLarge(box)) return this.addPoint(start, 1)
        this.entry().box = box
        this.selected = { id: this.object.id, box: true }
        this.commit()
      },
      cancel: () => {
        this.draft = null
      }
    }
  }

  // The nearest point or box corner within reach; the current object's come first.
  hit(place) {
    const near = ([x, y]) => Math.hypot(x - place.x, y - place.y) <= place.reach
    for (const { id, frames } of [this.object, ...this.state.objects]) {
      const entry = frames[this.frame] ?? {}
      const point = pointsOf(entry).findLastIndex(near)
      if (point >= 0) return { id, point }
      const { box } = entry
      const corner = box ? CORNERS.findIndex(([x, y]) => near([box[x], box[y]])) : -1
      if (corner < 0) continue
      const [x, y] = CORNERS[(corner + 2) % 4]
      return { id, box: true, opposite: { x: box[x], y: box[y] } }
    }
    return null
  }

  // --- drawing ---

  paint(context) {
    const others = this.state.objects.filter((object) => object !== this.object)
    for (const object of [...others, this.object]) {
      const entry = object.frames[this.frame]
      if (entry) this.paintEntry(context, entry, object)
    }
    if (this.draft) this.paintBox(context, this.draft, colorOf(this.object.id), true)
  }

  paintEntry(context, entry, { id }) {
    const chosen = this.selected?.id === id ? this.selected : {}
    const current = id === this.object.id
    context.globalAlpha = current ? 1 : 0.75
    if (entry.box) this.paintBox(context, entry.box, colorOf(id), current, chosen.box)
    pointsOf(entry).forEach((point, index) =>
      this.paintPoint(context, point, colorOf(id), chosen.point === index)
    )
    context.globalAlpha = 1
  }

  paintBox(context, box, color, corners, chosen = false) {
    const [left, top] = this.onStage(box[0], box[1])
    const [right, bottom] = this.onStage(box[2], box[3])
    for (const [style, thick] of [['#000a', 4], [chosen ? '#fff' : color, 2]]) {
      context.strokeStyle = style
      context.lineWidth = thick
      context.strokeRect(left, top, right - left, bottom - top)
    }
    if (!corners) return
    context.fillStyle = color
    for (const [x, y] of [[left, top], [right, top], [right, bottom], [left, bottom]]) {
      context.fillRect(x - 4, y - 4, 8, 8)
      context.lineWidth = 1
      context.strokeStyle = '#000'
      context.strokeRect(x - 4, y - 4, 8, 8)
    }
  }

  paintPoint(context, [x, y, label], color, chosen) {
    const [across, down] = this.onStage(x, y)
    context.beginPath()
    context.arc(across, down, DOT + (chosen ? 3 : 1.5), 0, 2 * Math.PI)
    context.fillStyle = chosen ? '#fff' : '#000b'
    context.fill()
    context.beginPath()
    context.arc(across, down, DOT, 0, 2 * Math.PI)
    context.fillStyle = label ? color : '#16181c'
    context.fill()
    context.lineWidth = 2
    context.strokeStyle = label ? '#000' : color
    if (!label) context.stroke()
    context.beginPath()
    context.moveTo(across - 3, down)
    context.lineTo(across + 3, down)
    if (label) {
      context.moveTo(across, down - 3)
      context.lineTo(across, down + 3)
    }
    context.stroke()
  }

  onStage(x, y) {
    const fit = this.fit()
    return [fit.x + x * fit.scale, fit.y + y * fit.scale]
  }
}

function fail(what) {
  throw new Error(`The saved prompts are damaged: ${what}.`)
}

function parseObject(data) {
  if (!isPlain(data) || !isPlain(data.frames)) fail('an object has no frames')
  if (!Number.isInteger(data.id) || data.id < 1) fail('an object has no number')
  for (const [frame, entry] of Object.entries(data.frames)) {
    if (!/^\d+$/.test(frame) || !isPlain(entry)) fail('a frame is not readable')
    const points = pointsOf(entry)
    const readable = Array.isArray(points) && points.every(isPoint)
    if (!readable) fail(`a point of frame ${frame} is not readable`)
    if (entry.box && !isBox(entry.box)) fail(`the box of frame ${frame} is not readable`)
  }
  return { id: data.id, name: `${data.name ?? ''}`, frames: data.frames }
}

// Objects that hold no prompts are not in the text, but an editor keeps their chips.
function withIdle(objects, before) {
  const known = new Set(objects.map(({ id }) => id))
  const idle = before.filter(({ id }) => !known.has(id))
  const all = [...objects, ...idle.map(({ id, name }) => ({ id, name, frames: {} }))]
  return all.sort((a, b) => a.id - b.id)
}

// An object without what is empty; a frame with a mask stays as it came.
function filled({ id, name, frames }) {
  const kept = {}
  for (const [frame, entry] of Object.entries(frames)) {
    if (!holds(entry)) continue
    const points = pointsOf(entry)
    kept[frame] = entry.mask
      ? entry
      : { ...(points.length ? { points } : {}), ...(entry.box ? { box: entry.box } : {}) }
  }
  return { id, name, frames: kept }
}

const colorOf = (id) => COLORS[(id - 1) % COLORS.length]
const pointsOf = (entry) => entry.points ?? []
const holds = (entry) => Boolean(entry.mask || entry.box || pointsOf(entry).length)
const clampTenth = (value, most) => roundTo(clamp(value, 0, most), 1)
const isPoint = (point) =>
  Array.isArray(point) && point.length === 3 && point.every(isNumber) && [0, 1].includes(point[2])
const isBox = (box) => Array.isArray(box) && box.length === 4 && box.every(isNumber)
const isSize = (size) =>
  Array.isArray(size) && size.length === 2 && size.every((s) => Number.isInteger(s) && s > 0)
const isLarge = ([left, top, right, bottom]) =>
  right - left >= SMALLEST_BOX && bottom - top >= SMALLEST_BOX
const isDrag = (start, end) =>
  Math.hypot(end.x - start.x, end.y - start.y) * start.apart > SMALLEST_DRAG
