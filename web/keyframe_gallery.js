// The keyframe gallery: click the candidate to go on with. Plain DOM; knows nothing of ComfyUI.

import { button, clamp, make } from './frame_view.js'
import { Lightbox } from './lightbox.js'

const EMPTY = 'Press Run once: the candidates appear here. Click the one you like, then Run again.'
const NOTHING_CHOSEN = 'Click the picture to go on with, then press Run.'
const MOST_COLUMNS = 4
const EARLIER_COLUMNS = 5
const SMALL = 160 // pixels; smaller pictures are shown pixel by pixel, as they are
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

// The text it writes: "<digest>", or "<digest> seed <seed>". It also reads a number from 1.
export class KeyframeGallery {
  // onClear(until): earlier candidates made up to then shall not be shown any more.
  constructor({ onChange = () => {}, onClear = () => {} } = {}) {
    this.onChange = onChange
    this.onClear = onClear
    this.text = ''
    this.words = ''
    this.readOnlyNote = ''
    this.clearedUntil = 0
    this.current = []
    this.earlier = []
    this.build()
    this.refresh()
  }

  build() {
    this.element = make('div', 'vivid-editor vivid-gallery')
    this.heading = make('div', 'vg-heading')
    this.clearButton = button('Clear earlier', () => this.clearEarlier())
    this.clearButton.title = 'Show only the candidates of the last run; the files stay on disk'
    this.bar = make('div', 've-bar')
    this.largeButton = button('Large view', () => this.openLarge(), 'Look at the pictures in large')
    this.bar.append(this.heading, make('div', 've-spacer'), this.largeButton, this.clearButton)
    this.message = make('div', 've-message')
    this.empty = make('div', 've-empty', { textContent: EMPTY })
    this.grid = make('div', 'vg-grid')
    this.earlierHeading = make('div', 'vg-heading', { textContent: 'Earlier' })
    this.earlierGrid = make('div', 'vg-grid vg-earlier')
    this.shelf = make('div', 'vg-shelf', { tabIndex: -1 })
    // The host's second renderer leaves the wheel to what has the focus and says so.
    this.shelf.dataset.captureWheel = 'true'
    this.shelf.append(this.grid, this.earlierHeading, this.earlierGrid, this.empty)
    this.status = make('div', 'vg-status')
    this.element.append(this.bar, this.message, this.shelf, this.status)
    this.listen()
  }

  listen() {
    // Dragging in here must not drag the node.
    for (const kind of ['pointerdown', 'mousedown']) {
      this.element.addEventListener(kind, (e) => e.button === 0 && e.stopPropagation())
    }
    this.element.addEventListener('keydown', (event) => this.onKey(event))
    this.shelf.addEventListener('wheel', (event) => {
      const scrolls = this.shelf.scrollHeight > this.shelf.clientHeight
      if (scrolls && !event.ctrlKey) event.stopPropagation()
    })
  }

  remove() {
    this.lightbox?.close()
  }

  // --- the text ---

  setValue(text) {
    if (text === this.text) return
    this.text = text
    this.words = ''
    this.refresh()
  }

  // What the last run said about this choice.
  say(words) {
    this.words = words
    this.refresh()
  }

  choose(picture) {
    if (this.readOnlyNote || !picture) return
    const { digest, seed } = picture
    this.write(seed === undefined ? digest : `${digest} seed ${seed}`)
  }

  chooseAnew() {
    this.write('')
  }

  write(text) {
    if (text !== this.text) {
      this.text = text
      this.words = ''
      this.onChange(text)
    }
    this.refresh()
  }

  // The picture that the text names, or null; a number counts in the last run's pictures.
  get chosen() {
    const [name] = this.text.trim().split(' ')
    if (/^\d{1,3}$/.test(name)) return this.current[Number(name) - 1] ?? null
    return [...this.current, ...this.earlier].find(({ digest }) => digest === name) ?? null
  }

  // Why nothing can be chosen right now, or ''.
  setReadOnly(note) {
    this.readOnlyNote = note
    this.refresh()
  }

  // --- the pictures ---

  // data: {current, earlier}, lists of {digest, file, ...} and, for candidates that are kept,
  // caption, seed, frame, task, made; urlOf(picture): address of one.
  show(data, urlOf) {
    this.current = data.current
    this.earlier = data.earlier
    const card = (picture, number) => this.cardOf(picture, number, urlOf(picture))
    this.grid.replaceChildren(...this.current.map((picture, index) => card(picture, index + 1)))
    this.earlierGrid.replaceChildren(...this.earlier.map((picture) => card(picture)))
    this.refresh()
  }

  setCleared(until) {
    this.clearedUntil = until
    this.refresh()
  }

  clearEarlier() {
    const until = Math.max(...this.earlier.map(({ made }) => made))
    this.setCleared(until)
    this.onClear(until)
  }

  cardOf(picture, number, url) {
    const { caption, seed, frame, task } = picture
    const card = button('', (event) => {
      if (event.detail < 2) this.before = this.text
      this.choose(picture)
    })
    // Two clicks are for looking only: what the first of them chose is taken back.
    card.ondblclick = (event) => {
      event.stopPropagation()
      if (!this.readOnlyNote) this.write(this.before)
      this.openLarge(picture)
    }
    const words = caption || task || 'from another node'
    const about = seed === undefined ? words : `${words}\nseed ${seed}, frame ${frame}`
    card.className = 'vg-card'
    card.title = `${about}\nDouble-click: large view`
    Object.assign(card.dataset, { digest: picture.digest, url, about })
    card.setAttribute('aria-label', number ? `Candidate ${number}` : `Earlier candidate: ${about}`)
    const image = make('img', '', { alt: '', draggable: false })
    image.onload = () => image.classList.toggle('vg-small', image.naturalWidth < SMALL)
    image.onerror = () => this.drop(card, picture)
    image.src = url
    const label = make('span', 'vg-label')
    label.append(
      make('span', 'vg-words', { textContent: words }),
      make('span', 'vg-seed', { textContent: seed === undefined ? '' : `seed ${seed}` })
    )
    card.append(image, label)
    if (number) card.append(make('span', 'vg-number', { textContent: number }))
    return card
  }

  // Files may be gone: deleted, or temporary ones of a server that was started anew.
  drop(card, picture) {
    card.remove()
    this.current = this.current.filter((one) => one !== picture)
    this.earlier = this.earlier.filter((one) => one !== picture)
    this.refresh()
  }

  // --- the large view ---

  // Of all pictures that are not cleared away, from this one on.
  openLarge(first = this.chosen) {
    const cards = [...this.shelf.querySelectorAll('.vg-card:not([hidden])')]
    const all = [...this.current, ...this.earlier]
    const pictures = cards.map((card) => {
      const picture = all.find(({ digest }) => digest === card.dataset.digest)
      const { url } = card.dataset
      return { url, title: this.nameOf(picture), about: card.dataset.about, picture }
    })
    if (!pictures.length) return
    this.lightbox = new Lightbox(pictures, {
      start: Math.max(0, pictures.findIndex(({ picture }) => picture === first)),
      onChoose: this.readOnlyNote ? null : (picture) => this.choose(picture),
      isChosen: (picture) => picture.digest === this.chosen?.digest
    })
  }

  // --- keys ---

  onKey(event) {
    const cards = [...this.shelf.querySelectorAll('.vg-card:not([hidden])')]
    const here = cards.indexOf(event.target)
    if (here < 0 || !(event.key in MOVES || ['Enter', ' '].includes(event.key))) return
    event.preventDefault()
    event.stopPropagation()
    if (event.key in MOVES) this.focusOn(cards, here, MOVES[event.key])
    else cards[here].click()
  }

  focusOn(cards, here, [across, down]) {
    const columns = this.isEarlier(cards[here]) ? EARLIER_COLUMNS : this.columns
    cards[clamp(here + across + down * columns, 0, cards.length - 1)].focus()
  }

  isEarlier(card) {
    return card.parentElement === this.earlierGrid
  }

  get columns() {
    const count = this.current.length
    return Math.min(Math.max(count, 1), clamp(Math.ceil(Math.sqrt(count)), 3, MOST_COLUMNS))
  }

  // --- drawing ---

  refresh() {
    const { chosen } = this
    const shown = this.current.length + this.earlier.length
    this.grid.style.setProperty('--vg-columns', this.columns)
    this.earlierGrid.style.setProperty('--vg-columns', EARLIER_COLUMNS)
    this.hideCleared(chosen)
    this.markCards(chosen)
    this.empty.hidden = shown > 0
    this.bar.hidden = shown === 0
    const many = this.current.length === 1 ? '' : 's'
    this.heading.textContent = `${this.current.length} candidate${many}`
    this.drawMessage(chosen)
    this.status.hidden = shown === 0
    this.status.textContent = chosen ? this.aboutOf(chosen) : NOTHING_CHOSEN
    this.status.classList.toggle('vg-open', !chosen)
  }

  // The chosen one stays, however old it is.
  hideCleared(chosen) {
    let visible = 0
    this.earlier.forEach((picture, index) => {
      const hidden = picture.made <= this.clearedUntil && picture !== chosen
      this.earlierGrid.children[index].hidden = hidden
      visible += hidden ? 0 : 1
    })
    this.earlierHeading.hidden = this.earlierGrid.hidden = visible === 0
    this.clearButton.hidden = !this.earlier.some(({ made }) => made > this.clearedUntil)
  }

  markCards(chosen) {
    for (const card of this.shelf.querySelectorAll('.vg-card')) {
      card.setAttribute('aria-pressed', card.dataset.digest === chosen?.digest)
      card.disabled = Boolean(this.readOnlyNote)
    }
  }

  nameOf(picture) {
    const number = this.current.indexOf(picture) + 1
    return number ? `Candidate ${number}` : 'Earlier candidate'
  }

  aboutOf(picture) {
    const name = this.nameOf(picture)
    return picture.seed === undefined
      ? `${name} is chosen.`
      : `${name} is chosen: seed ${picture.seed}, frame ${picture.frame}.`
  }

  drawMessage(chosen) {
    const lost = this.text.trim() && !chosen
    const about = this.words || `Chosen: ${this.text}, not shown here.`
    const words = this.readOnlyNote || (lost ? about : '')
    this.message.hidden = !words
    this.message.replaceChildren(make('span', '', { textContent: words }))
    if (!this.readOnlyNote) {
      this.message.append(button('Choose anew', () => this.chooseAnew(), 'Forget this choice'))
    }
  }
}
