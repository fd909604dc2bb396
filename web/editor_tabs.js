// Several editors of one node, of which one is seen: to what shows frames they are one editor.
// Plain DOM; knows nothing of ComfyUI.

import { button, make } from './frame_view.js'

export class EditorTabs {
  // editors: {label: editor}
  constructor(editors) {
    this.editors = editors
    this.element = make('div', 'vivid-tabs')
    this.bar = make('div', 'vivid-tab-bar')
    this.buttons = Object.keys(editors).map((label) => button(label, () => this.choose(label)))
    this.bar.append(...this.buttons)
    this.bar.addEventListener('pointerdown', (event) => event.button === 0 && event.stopPropagation())
    this.element.append(this.bar, ...this.all.map((editor) => editor.element))
    this.choose(Object.keys(editors)[0])
  }

  get all() {
    return Object.values(this.editors)
  }

  choose(label) {
    const frame = this.editors[this.chosen]?.frame
    this.chosen = label
    for (const one of this.buttons) one.setAttribute('aria-pressed', one.textContent === label)
    for (const [name, editor] of Object.entries(this.editors)) editor.element.hidden = name !== label
    if (frame !== undefined) this.editors[label].seek(frame)
  }

  // --- as one editor ---

  show(data, urlOf) {
    for (const editor of this.all) editor.show(data, urlOf)
  }

  wait() {
    for (const editor of this.all) editor.wait()
  }

  say(words) {
    for (const editor of this.all) editor.say(words)
  }

  set onMissing(action) {
    for (const editor of this.all) editor.onMissing = action
  }

  remove() {
    for (const editor of this.all) editor.remove()
  }
}
