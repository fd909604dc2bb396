// Frames to draw on before there are pictures: what the path editor and the mask painter share.
// Plain DOM; knows nothing of ComfyUI.

import { FrameEditor } from './frame_view.js'

export class PlainFrames extends FrameEditor {
  constructor(options) {
    super(options)
    this.plain = null // {width, height, length}, as long as there are no pictures
    this.hasClip = false
  }

  // The frame to draw on while there are no pictures; a new size makes the old ones worthless.
  setSize(width, height, length) {
    const { plain } = this
    const same = plain?.width === width && plain.height === height && plain.length === length
    if (same) return
    this.plain = width > 0 && height > 0 ? { width, height, length } : null
    if (this.hasClip) this.refresh()
    else this.show(null)
  }

  // Whether a clip is connected: its size and length count then, not those of setSize().
  setClip(connected) {
    if (this.hasClip && !connected) this.show(null)
    this.hasClip = connected
  }

  get size() {
    return this.data ?? this.plain
  }

  get frameCount() {
    if (this.data) return this.pictured
    return this.plain?.length ?? 0
  }
}
