// Zoom and pan of a stage: what the editors and the compare view share.
// Plain DOM; knows nothing of ComfyUI.

const MOST = 16
const STEP = 1.5 // a press of a button or key
const WHEEL = 0.005 // per unit of a turn; pinches come as small turns with the Ctrl key
const LARGEST_TURN = 50
const LINE = 16 // units of a turn that counts lines
const PAN_BUTTON = 1 // the middle one
const TYPING = 'input[type="text"], input[type="number"], textarea'

// region(u, v): the part of the stage that a place belongs to, as {x, y, width, height}, all in
// shares of the stage; every part shows the same place. takesWheel(event): whether a turn with the
// Ctrl key means something else there. onTap(): the space bar was pressed, and nothing was dragged.
export class Zoom {
  constructor(stage, { onChange, region = () => WHOLE, takesWheel = () => false, onTap } = {}) {
    Object.assign(this, { stage, onChange, region, takesWheel, onTap })
    this.reset()
    this.buildButtons()
    this.stop = new AbortController()
    const options = { capture: true, passive: false, signal: this.stop.signal }
    // In front of the host, which may move everything before an event gets here.
    window.addEventListener('wheel', (event) => this.onWheel(event), options)
    window.addEventListener('keydown', (event) => this.onSpace(event), options)
    window.addEventListener('keyup', (event) => this.onSpaceUp(event), options)
    window.addEventListener('pointerdown', (event) => this.onPress(event), options)
  }

  remove() {
    this.stop.abort()
  }

  buildButtons() {
    const press = (factor) => () => this.by(factor)
    this.outButton = makeButton('\u2212', 'Zoom out (\u2212)', press(1 / STEP))
    this.fitButton = makeButton('Fit', 'Show all of the picture (0)', () => this.fit())
    this.inButton = makeButton('+', 'Zoom in (+, or Ctrl and the wheel)', press(STEP))
    this.buttons = document.createElement('div')
    this.buttons.className = 'vivid-zoom'
    this.buttons.append(this.outButton, this.fitButton, this.inButton)
    this.showButtons()
  }

  showButtons() {
    this.outButton.disabled = this.fitButton.disabled = this.scale === 1
    this.inButton.disabled = this.scale === MOST
    this.stage.classList.toggle('vivid-zoomed', this.scale > 1)
  }

  // --- the state: how much larger than fitted, and what lies in the middle, as shares ---

  reset() {
    this.scale = 1
    this.middle = [0.5, 0.5]
  }

  fit() {
    this.reset()
    this.changed()
  }

  changed() {
    const half = 0.5 / this.scale
    this.middle = this.middle.map((share) => clamp(share, half, 1 - half))
    this.showButtons()
    this.onChange()
  }

  // The place of a part that is u, v from its corner stays where it is.
  by(factor, u = 0.5, v = 0.5) {
    const scale = clamp(this.scale * factor, 1, MOST)
    const shift = 1 / this.scale - 1 / scale
    const [x, y] = this.middle
    this.middle = [x + (u - 0.5) * shift, y + (v - 0.5) * shift]
    this.scale = scale
    this.changed()
  }

  panBy(u, v) {
    const [x, y] = this.middle
    this.middle = [x - u / this.scale, y - v / this.scale]
    this.changed()
  }

  // Where something lies that would be at x, y if a part of this size were fitted.
  place(x, y, width, height) {
    const [across, down] = this.middle
    return [
      width * (0.5 - across * this.scale) + x * this.scale,
      height * (0.5 - down * this.scale) + y * this.scale
    ]
  }

  // Whether a key means something here.
  pressKey(key) {
    if (key === '+' || key === '=') this.by(STEP)
    else if (key === '-') this.by(1 / STEP)
    else if (key === '0') this.fit()
    else return false
    return true
  }

  // --- wheel, keys and pointer ---

  onWheel(event) {
    if (!(event.ctrlKey || event.metaKey) || !this.stage.contains(event.target)) return
    if (this.takesWheel(event)) return
    event.preventDefault()
    event.stopImmediatePropagation()
    const turn = event.deltaY * (event.deltaMode ? LINE : 1)
    const factor = Math.exp(-WHEEL * clamp(turn, -LARGEST_TURN, LARGEST_TURN))
    this.by(factor, ...this.within(event).place)
  }

  // The part under the pointer, and the pointer's place in it as shares.
  within({ clientX, clientY }) {
    const box = this.stage.getBoundingClientRect()
    const [u, v] = [(clientX - box.left) / box.width, (clientY - box.top) / box.height]
    const part = this.region(u, v)
    return { box, part, place: [(u - part.x) / part.width, (v - part.y) / part.height] }
  }

  onSpace(event) {
    if (event.key !== ' ' || this.scale === 1 || !this.stage.matches(':hover')) return
    if (event.target.matches?.(TYPING)) return
    this.held = true
    if (!event.repeat) this.dragged = false
    this.stage.classList.add('vivid-grab')
    event.preventDefault()
    event.stopImmediatePropagation()
  }

  onSpaceUp(event) {
    if (event.key !== ' ' || !this.held) return
    this.held = false
    this.stage.classList.remove('vivid-grab')
    event.preventDefault()
    event.stopImmediatePropagation()
    if (!this.dragged) this.onTap?.()
  }

  onPress(event) {
    const pans = event.button === PAN_BUTTON || (event.button === 0 && this.held)
    if (!pans || this.scale === 1 || !this.stage.contains(event.target)) return
    event.preventDefault()
    event.stopImmediatePropagation()
    this.dragged = true
    this.stage.setPointerCapture(event.pointerId)
    this.stage.classList.add('vivid-grabbing')
    let last = event
    const stop = new AbortController()
    const on = (kind, action) =>
      window.addEventListener(
        kind,
        (moved) => {
          moved.stopImmediatePropagation()
          action(moved)
        },
        { signal: stop.signal, capture: true }
      )
    on('pointermove', (moved) => {
      const { box, part } = this.within(moved)
      const across = (moved.clientX - last.clientX) / box.width / part.width
      this.panBy(across, (moved.clientY - last.clientY) / box.height / part.height)
      last = moved
    })
    const end = () => {
      stop.abort()
      this.stage.classList.remove('vivid-grabbing')
    }
    on('pointerup', end)
    on('pointercancel', end)
  }
}

// How a picture of this size is seen: `shown` CSS pixels make one of its own.
export function sizeWords({ width, height }, shown) {
  const percent = 100 * shown
  const rounded = percent < 10 ? percent.toFixed(1) : Math.round(percent)
  return `${width} \u00d7 ${height}, shown at ${rounded}%`
}

const WHOLE = { x: 0, y: 0, width: 1, height: 1 }

function makeButton(textContent, title, onclick) {
  const button = Object.assign(document.createElement('button'), {
    type: 'button', textContent, title, onclick
  })
  if (textContent.length === 1) button.setAttribute('aria-label', title.replace(/ \(.*/, ''))
  return button
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high)
