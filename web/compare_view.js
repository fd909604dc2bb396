// The compare view: source and edit in step, with a slider, side by side, or their difference.
// Plain DOM; knows nothing of ComfyUI.

import { Zoom, sizeWords } from './zoom.js'

const PLAY = '<svg viewBox="0 0 16 16"><path d="M4 2.2v11.6L13.6 8z"/></svg>'
const PAUSE = '<svg viewBox="0 0 16 16"><path d="M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z"/></svg>'
const EMPTY = `
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.3">
    <rect x="3" y="5" width="18" height="14" rx="2"/><path d="M12 3v18M9 10l-2 2 2 2M15 10l2 2-2 2"/>
  </svg>
  <div><b>Nothing to compare yet</b><br>Run the workflow to see source and edit here.</div>`
const MODES = { slider: 'Slider', side: 'Side by side', difference: 'Difference' }
const GAINS = [1, 4, 16]
const PANELS = 3 // source, edit and mask lie below each other in every picture
const SHARPNESS = 2 // canvas pixels per CSS pixel at least, so that zooming in stays crisp
const MASK_COLOR = '#29c7ff'
const GAP = 4 // CSS pixels between source and edit side by side

export class CompareView {
  constructor() {
    this.frame = 0
    this.mode = 'slider'
    this.gain = 4
    this.split = 0.5
    this.showMask = false
    this.playing = false
    this.pictures = []
    this.cache = new Map()
    this.build()
    this.clear()
  }

  build() {
    this.element = make('div', 'vivid-compare', { tabIndex: 0 })
    this.stage = make('div', 'vc-stage vc-slides')
    this.canvas = make('canvas')
    this.chips = [make('div', 'vc-chip vc-left'), make('div', 'vc-chip vc-right')]
    this.empty = make('div', 'vc-empty', { innerHTML: EMPTY })
    this.loading = make('div', 'vc-loading')
    this.stage.append(this.canvas, ...this.chips, this.empty, this.loading)
    this.zoom = new Zoom(this.stage, {
      onChange: () => this.draw(),
      region: (u, v) => this.regionAt(u, v),
      onTap: () => this.toggle()
    })
    this.sizeLabel = make('span', 'vc-size')
    this.facts = make('div', 'vc-facts')
    this.element.append(this.buildBar(), this.stage, this.buildTransport(), this.facts)
    this.listen()
  }

  buildBar() {
    this.bar = make('div', 'vc-bar')
    this.modeButtons = choice(MODES, (mode) => this.setMode(mode))
    const gains = Object.fromEntries(GAINS.map((gain) => [gain, `${gain}\u00d7`]))
    this.gainButtons = choice(gains, (gain) => this.setGain(Number(gain)))
    this.gainButtons.group.title = 'How much the difference is magnified'
    this.maskButton = make('button', 'vc-mask', {
      textContent: 'Mask outline',
      type: 'button',
      title: 'Outline what was allowed to change',
      onclick: () => this.setMask(!this.showMask)
    })
    const spacer = make('div', 'vc-spacer')
    this.bar.append(this.modeButtons.group, this.gainButtons.group, spacer, this.maskButton)
    return this.bar
  }

  buildTransport() {
    this.transport = make('div', 'vc-transport')
    this.playButton = make('button', 'vc-play', { type: 'button', onclick: () => this.toggle() })
    this.scrubber = make('input', '', { type: 'range', min: 0, value: 0, step: 1 })
    this.scrubber.setAttribute('aria-label', 'Frame')
    this.scrubber.oninput = () => {
      this.pause()
      this.seek(Number(this.scrubber.value))
    }
    this.counter = make('div', 'vc-frame')
    this.transport.append(this.playButton, this.scrubber, this.counter, this.zoom.buttons)
    return this.transport
  }

  listen() {
    this.stage.addEventListener('pointerenter', () => this.showSize())
    const drag = (event) => this.dragTo(event)
    this.stage.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || !this.data || this.mode !== 'slider') return
      this.stage.setPointerCapture(event.pointerId)
      this.stage.addEventListener('pointermove', drag)
      drag(event)
    })
    const release = () => this.stage.removeEventListener('pointermove', drag)
    this.stage.addEventListener('pointerup', release)
    this.stage.addEventListener('pointercancel', release)
    // Dragging in here must not drag the node.
    for (const kind of ['pointerdown', 'mousedown']) {
      this.element.addEventListener(kind, (e) => e.button === 0 && e.stopPropagation())
    }
    this.element.addEventListener('keydown', (event) => this.onKey(event))
    this.resizes = new ResizeObserver(() => this.draw())
    this.resizes.observe(this.stage)
  }

  onKey(event) {
    const moves = { ArrowLeft: -1, ArrowRight: 1 }
    if (event.key === ' ') this.toggle()
    else if (!(event.ctrlKey || event.metaKey) && this.zoom.pressKey(event.key)) this.showSize()
    else if (event.key in moves) {
      this.pause()
      this.seek(this.frame + moves[event.key])
    } else return
    event.preventDefault()
    event.stopPropagation()
  }

  // data: what the node reports (files, frames, total, width, height, fps, split, measures);
  // urlOf(file): address of one picture.
  show(data, urlOf) {
    const before = this.data
    this.clear()
    this.data = data
    if (before?.width !== data.width || before.height !== data.height) this.zoom.fit()
    this.empty.hidden = true
    for (const part of [this.bar, this.transport, this.facts]) part.hidden = false
    this.maskButton.hidden = data.measures.outside === null
    this.scrubber.max = data.files.length - 1
    this.load(data.files.map(urlOf))
    this.split = data.split
    this.showFacts()
    this.setMode(this.mode)
    this.seek(0)
  }

  clear() {
    this.pause()
    this.data = null
    this.pictures = []
    this.cache.clear()
    this.empty.hidden = false
    this.loading.hidden = true
    this.facts.replaceChildren()
    for (const part of [this.bar, this.transport, this.facts]) part.hidden = true
    for (const chip of this.chips) chip.hidden = true
    this.draw()
  }

  remove() {
    this.clear()
    this.resizes.disconnect()
    this.zoom.remove()
  }

  load(urls) {
    const data = this.data
    let done = 0
    this.loading.hidden = false
    this.loading.style.width = '0'
    this.pictures = urls.map((url, index) => {
      const picture = new Image()
      picture.onload = picture.onerror = () => {
        if (this.data !== data) return
        done += 1
        this.loading.style.width = `${(100 * done) / urls.length}%`
        this.loading.hidden = done === urls.length
        if (picture.naturalWidth === 0) this.missing()
        if (index === this.frame) this.draw()
      }
      picture.src = url
      return picture
    })
  }

  // Temporary files are gone after ComfyUI was started anew.
  missing() {
    this.clear()
  }

  setMode(mode) {
    this.mode = mode
    this.modeButtons.press(mode)
    this.gainButtons.press(this.gain)
    this.gainButtons.group.hidden = mode !== 'difference'
    this.stage.classList.toggle('vc-slides', mode === 'slider')
    this.draw()
  }

  setGain(gain) {
    this.gain = gain
    this.gainButtons.press(gain)
    this.draw()
  }

  setMask(shown) {
    this.showMask = shown
    this.maskButton.setAttribute('aria-pressed', shown)
    this.draw()
  }

  seek(frame) {
    if (!this.data) return
    const count = this.data.files.length
    this.frame = ((frame % count) + count) % count
    this.scrubber.value = this.frame
    this.counter.textContent = `frame ${this.data.frames[this.frame]} / ${this.data.total - 1}`
    this.draw()
  }

  toggle() {
    if (this.playing) this.pause()
    else this.play()
  }

  play() {
    if (!this.data || this.data.files.length < 2) return
    this.playing = true
    this.showPlaying()
    let due = performance.now()
    const tick = (now) => {
      if (!this.playing) return
      if (!this.element.isConnected) return this.pause()
      const period = 1000 / this.data.fps
      if (now - due >= period) {
        due = now - due > 4 * period ? now : due + period
        this.seek(this.frame + 1)
      }
      requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)
  }

  pause() {
    this.playing = false
    this.showPlaying()
  }

  showPlaying() {
    this.playButton.innerHTML = this.playing ? PAUSE : PLAY
    this.playButton.title = this.playing ? 'Pause (space)' : 'Play (space)'
    this.playButton.setAttribute('aria-label', this.playing ? 'Pause' : 'Play')
  }

  dragTo(event) {
    const box = this.stage.getBoundingClientRect()
    const [x, , width] = this.placement(box.width, box.height)
    this.split = clamp((event.clientX - box.left - x) / width, 0, 1)
    this.draw()
  }

  showFacts() {
    const { outside, inside_mean: mean, inside_max: most } = this.data.measures
    const facts = []
    if (outside === null) facts.push(['', 'No mask connected: the whole frame is measured'])
    else if (outside === 0) facts.push(['vc-good', 'Outside the mask: max difference 0'])
    else facts.push(['vc-bad', `Outside the mask: max difference ${round(outside)} of 255`])
    const place = outside === null ? 'Change' : 'Inside'
    if (most <= 1) facts.push(['vc-bad', `${place}: nothing changed`])
    else facts.push(['', `${place}: mean ${round(mean)}, largest ${round(most)} of 255`])
    if (this.data.files.length < this.data.total) facts.push(['', 'Some frames are left out here'])
    this.facts.replaceChildren(
      ...facts.map(([kind, words]) => make('span', kind, { textContent: words })),
      this.sizeLabel
    )
    this.showSize()
  }

  // The clip's own size, and how large it is on the screen.
  showSize() {
    if (!this.data || !this.stage.clientWidth) return
    const { width, height } = this.stage.getBoundingClientRect()
    const part = this.regionAt(0, 0)
    const [, , wide] = this.placement(width * part.width, height * part.height)
    this.sizeLabel.textContent = sizeWords(this.data, wide / this.data.width)
  }

  // --- drawing ---

  // Source and edit side by side take one part of the stage each, in shares of it.
  regionAt(u, v) {
    if (this.mode !== 'side' || !this.data) return { x: 0, y: 0, width: 1, height: 1 }
    const { clientWidth, clientHeight } = this.stage
    const { beside, w, h } = this.halves(clientWidth, clientHeight)
    const second = beside ? u > 0.5 : v > 0.5
    const part = { x: 0, y: 0, width: w / clientWidth, height: h / clientHeight }
    if (second && beside) part.x = 1 - part.width
    else if (second) part.y = 1 - part.height
    return part
  }

  halves(width, height) {
    const beside = width / height > 0.75 * (this.data.width / this.data.height)
    const w = beside ? (width - GAP) / 2 : width
    return { beside, w, h: beside ? height : (height - GAP) / 2 }
  }

  draw() {
    const width = this.stage.clientWidth
    const height = this.stage.clientHeight
    if (!width || !height) return
    const sharp = Math.max(SHARPNESS, window.devicePixelRatio || 1)
    this.canvas.width = Math.round(width * sharp)
    this.canvas.height = Math.round(height * sharp)
    const picture = this.pictures[this.frame]
    if (!this.data || !picture?.complete || !picture.naturalWidth) return
    const context = this.canvas.getContext('2d')
    context.scale(sharp, sharp)
    context.imageSmoothingQuality = 'high'
    const draw = { slider: this.drawSlider, side: this.drawSide, difference: this.drawDifference }
    draw[this.mode].call(this, context, picture, width, height)
    this.showSize()
  }

  drawSlider(context, picture, width, height) {
    const box = this.placement(width, height)
    const [x, y, w, h] = box
    const cut = x + this.split * w
    this.drawPanel(context, picture, 0, box)
    context.save()
    context.beginPath()
    context.rect(cut, y, x + w - cut, h)
    context.clip()
    this.drawPanel(context, picture, 1, box)
    context.restore()
    this.drawOutline(context, picture, box)
    const top = Math.max(y, 0)
    drawHandle(context, cut, top, Math.min(y + h, height) - top)
    this.label([x, 'Source'], [x + w, 'Edit'], width, y)
  }

  drawSide(context, picture, width, height) {
    const { beside, w, h } = this.halves(width, height)
    const [dx, dy] = beside ? [w + GAP, 0] : [0, h + GAP]
    const [x, y, iw, ih] = this.placement(w, h)
    for (const panel of [0, 1]) {
      const box = [x + panel * dx, y + panel * dy, iw, ih]
      context.save()
      context.beginPath()
      context.rect(panel * dx, panel * dy, w, h)
      context.clip()
      this.drawPanel(context, picture, panel, box)
      this.drawOutline(context, picture, box)
      context.restore()
    }
    if (beside) this.label([x, 'Source'], [x + dx + iw, 'Edit'], width, y)
    else this.label([x, 'Source above, edit below'], null, width, y)
  }

  drawDifference(context, picture, width, height) {
    const box = this.placement(width, height)
    const difference = this.cached(`difference ${this.gain}`, () =>
      differenceOf(picture, this.gain)
    )
    context.imageSmoothingEnabled = box[2] < 3 * difference.width
    context.drawImage(difference, ...box)
    this.drawOutline(context, picture, box)
    this.label([box[0], `Difference, ${this.gain}\u00d7`], null, width, box[1])
  }

  drawPanel(context, picture, panel, [x, y, w, h]) {
    const tall = picture.naturalHeight / PANELS
    // Clips that are much smaller than the view are shown pixel by pixel, as they are.
    context.imageSmoothingEnabled = w < 3 * picture.naturalWidth
    context.drawImage(picture, 0, panel * tall, picture.naturalWidth, tall, x, y, w, h)
  }

  drawOutline(context, picture, [x, y, w, h]) {
    if (!this.showMask || this.maskButton.hidden) return
    const outline = this.cached('outline', () => outlineOf(picture))
    const scale = w / picture.naturalWidth
    context.save()
    context.translate(x, y)
    context.scale(scale, (h * PANELS) / picture.naturalHeight)
    for (const [color, thick] of [['#000a', 3.5], [MASK_COLOR, 1.5]]) {
      context.strokeStyle = color
      context.lineWidth = thick / scale
      context.stroke(outline)
    }
    context.restore()
  }

  // Where a picture lies, as large as it fits and then zoomed: x, y, width, height.
  placement(width, height) {
    const scale = Math.min(width / this.data.width, height / this.data.height)
    const w = this.data.width * scale
    const h = this.data.height * scale
    const [x, y] = this.zoom.place((width - w) / 2, (height - h) / 2, width, height)
    return [x, y, w * this.zoom.scale, h * this.zoom.scale]
  }

  label(left, right, width, y) {
    for (const [chip, words] of [[this.chips[0], left], [this.chips[1], right]]) {
      chip.hidden = !words
      if (words) chip.textContent = words[1]
      chip.style.top = `${Math.max(y, 0) + 8}px`
    }
    if (left) this.chips[0].style.left = `${Math.max(left[0], 0) + 8}px`
    if (right) this.chips[1].style.right = `${Math.max(width - right[0], 0) + 8}px`
  }

  // Computed once for each frame and kind.
  cached(kind, compute) {
    const key = `${kind} ${this.frame}`
    if (!this.cache.has(key)) this.cache.set(key, compute())
    return this.cache.get(key)
  }
}

function make(tag, className = '', properties = {}) {
  return Object.assign(document.createElement(tag), { className }, properties)
}

// A row of buttons of which one is pressed.
function choice(names, onChoose) {
  const group = make('div', 'vc-group')
  const buttons = Object.entries(names).map(([key, words]) => {
    const onclick = () => onChoose(key)
    return [key, make('button', '', { type: 'button', textContent: words, onclick })]
  })
  group.append(...buttons.map(([, button]) => button))
  const press = (chosen) => {
    for (const [key, button] of buttons) {
      button.setAttribute('aria-pressed', key === String(chosen))
    }
  }
  return { group, press }
}

function drawHandle(context, x, y, height) {
  const middle = y + height / 2
  context.fillStyle = '#000a'
  context.fillRect(x - 1.5, y, 3, height)
  context.fillStyle = '#fff'
  context.fillRect(x - 0.75, y, 1.5, height)
  context.beginPath()
  context.arc(x, middle, 11, 0, 2 * Math.PI)
  context.fillStyle = '#111c'
  context.fill()
  context.lineWidth = 1.5
  context.strokeStyle = '#fff'
  context.stroke()
  context.beginPath()
  for (const side of [-1, 1]) {
    context.moveTo(x + side * 3, middle - 3.5)
    context.lineTo(x + side * 6.5, middle)
    context.lineTo(x + side * 3, middle + 3.5)
  }
  context.stroke()
}

function pixelsOf(picture, panel) {
  const width = picture.naturalWidth
  const height = picture.naturalHeight / PANELS
  const canvas = make('canvas', '', { width, height })
  const context = canvas.getContext('2d', { willReadFrequently: true })
  context.drawImage(picture, 0, -panel * height)
  return context.getImageData(0, 0, width, height)
}

function differenceOf(picture, gain) {
  const before = pixelsOf(picture, 0)
  const after = pixelsOf(picture, 1)
  for (let i = 0; i < before.data.length; i += 1) {
    if (i % 4 !== 3) after.data[i] = gain * Math.abs(after.data[i] - before.data[i])
  }
  const canvas = make('canvas', '', { width: after.width, height: after.height })
  canvas.getContext('2d').putImageData(after, 0, 0)
  return canvas
}

// The border between selected and other pixels, along the pixels' edges.
function outlineOf(picture) {
  const { data, width, height } = pixelsOf(picture, 2)
  const inside = (x, y) =>
    x >= 0 && y >= 0 && x < width && y < height && data[4 * (y * width + x)] > 127
  const path = new Path2D()
  for (let y = 0; y <= height; y += 1) {
    for (let x = 0; x <= width; x += 1) {
      const here = inside(x, y)
      if (here !== inside(x - 1, y)) {
        path.moveTo(x, y)
        path.lineTo(x, y + 1)
      }
      if (here !== inside(x, y - 1)) {
        path.moveTo(x, y)
        path.lineTo(x + 1, y)
      }
    }
  }
  return path
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high)
const round = (value) => (value < 10 ? Number(value.toPrecision(2)) : Math.round(value))
