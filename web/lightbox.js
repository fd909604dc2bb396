// A large view of pictures over the page, one at a time. Plain DOM; knows nothing of ComfyUI.

import { button, make } from './frame_view.js'
import { sizeWords } from './zoom.js'

const SMALL = 3 // times enlarged: from here on pictures are shown pixel by pixel, as they are

// pictures: [{url, title, about, picture}]; onChoose(picture), or null where nothing can be chosen;
// isChosen(picture); the element that had the focus gets it back.
export class Lightbox {
  constructor(pictures, { start = 0, onChoose = null, isChosen = () => false } = {}) {
    Object.assign(this, { pictures, at: start, onChoose, isChosen })
    this.before = document.activeElement
    this.build()
    this.stop = new AbortController()
    // In front of the host, whose keys may act on the graph below.
    const options = { capture: true, signal: this.stop.signal }
    for (const kind of ['keydown', 'keyup']) {
      window.addEventListener(kind, (event) => this.onKey(event), options)
    }
    window.addEventListener('resize', () => this.showSize(), options)
    document.body.append(this.element)
    this.show(start)
    ;(onChoose ? this.chooseButton : this.closeButton).focus()
  }

  build() {
    this.element = make('div', 'vivid-lightbox')
    this.element.setAttribute('role', 'dialog')
    this.element.setAttribute('aria-modal', 'true')
    this.title = make('div', 'vl-title')
    this.closeButton = button('Close', () => this.close(), 'Close (Esc)')
    const head = make('div', 'vl-bar')
    head.append(this.title, make('div', 'vl-spacer'), this.closeButton)
    this.image = make('img', '', { alt: '', draggable: false })
    this.image.onload = () => this.showSize()
    this.stage = make('div', 'vl-stage')
    this.stage.append(this.image)
    this.about = make('div', 'vl-about')
    this.size = make('div', 'vl-size')
    this.backButton = button('\u2190 Previous', () => this.show(this.at - 1), 'Previous (\u2190)')
    this.nextButton = button('Next \u2192', () => this.show(this.at + 1), 'Next (\u2192)')
    this.chooseButton = button('Choose', () => this.choose(), 'Go on with this picture (Enter)')
    this.chooseButton.classList.add('vl-choose')
    const foot = make('div', 'vl-bar')
    const words = make('div', 'vl-words')
    words.append(this.about, this.size)
    foot.append(words, make('div', 'vl-spacer'))
    foot.append(this.backButton, this.chooseButton, this.nextButton)
    this.element.append(head, this.stage, foot)
    this.listen()
  }

  listen() {
    for (const kind of ['pointerdown', 'mousedown', 'wheel', 'contextmenu']) {
      this.element.addEventListener(kind, (event) => event.stopPropagation())
    }
    this.stage.addEventListener('click', (event) => event.target === this.stage && this.close())
  }

  // The pictures in a ring.
  show(at) {
    const count = this.pictures.length
    this.at = (at + count) % count
    const { url, title, about } = this.pictures[this.at]
    this.size.textContent = ''
    this.image.src = url
    this.title.textContent = `${title} \u00b7 ${this.at + 1} of ${count}`
    this.element.setAttribute('aria-label', title)
    this.about.textContent = about
    this.backButton.disabled = this.nextButton.disabled = count < 2
    this.showChosen()
  }

  showChosen() {
    const chosen = this.isChosen(this.pictures[this.at].picture)
    this.chooseButton.hidden = !this.onChoose
    this.chooseButton.textContent = chosen ? 'Chosen' : 'Choose'
    this.chooseButton.setAttribute('aria-pressed', chosen)
  }

  // As large as it fits, with its own size in words.
  showSize() {
    const { naturalWidth: width, naturalHeight: height } = this.image
    if (!width) return
    const { clientWidth, clientHeight } = this.stage
    const scale = Math.min(clientWidth / width, clientHeight / height)
    Object.assign(this.image.style, { width: `${width * scale}px`, height: `${height * scale}px` })
    this.image.classList.toggle('vl-small', scale >= SMALL)
    this.size.textContent = sizeWords({ width, height }, scale)
  }

  choose() {
    if (!this.onChoose) return
    this.onChoose(this.pictures[this.at].picture)
    this.showChosen()
  }

  // Enter and space press the button that has the focus.
  onKey(event) {
    event.stopImmediatePropagation()
    const actions = {
      Escape: () => this.close(),
      ArrowLeft: () => this.show(this.at - 1),
      ArrowRight: () => this.show(this.at + 1),
      Tab: () => this.keepFocus(event)
    }
    if (!(event.key in actions)) return
    event.preventDefault()
    if (event.type === 'keydown') actions[event.key]()
  }

  keepFocus(event) {
    const buttons = [...this.element.querySelectorAll('button:enabled:not([hidden])')]
    const step = event.shiftKey ? -1 : 1
    const here = buttons.indexOf(document.activeElement)
    buttons[(here + step + buttons.length) % buttons.length].focus()
  }

  close() {
    this.stop.abort()
    this.element.remove()
    this.before?.focus?.({ preventScroll: true })
  }
}
