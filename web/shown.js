// What a node shows before a run, after a reload and after the server was started anew: the frames
// of a file that is known upstream, the pictures of the last run, the candidates that were kept.

import { isPlain } from './frame_view.js'

const FRAMES = 'vivid_shown_frames'
const CANDIDATES = 'vivid_shown_candidates'
const MOST_FRAMES = 100_000
const MOST_SIDE = 65_536
const MOST_CANDIDATES = 64 // that the server is asked for at once
const SETTLE_MS = 150
const MOST_STEPS = 32 // nodes between a file and its editor
const NUMBERED = '_00000.jpg' // the end of the first frame's name
const FOLDER = /^vivid_[0-9a-f]{1,64}$/
const OVERLAY = /^mask_[0-9a-f]{1,64}$/
const DIGEST = /^[0-9a-f]{16}$/
export const LOAD_VIDEO = 'LoadVideo'
export const SAMPLE_CLIP = 'Vivid_SampleClip'
// Nodes whose output of this number holds all frames of what comes in at input 0.
const PASSING = { Reroute: 0, GetVideoComponents: 0 }
// What the server is asked for the frames of a node; null where it cannot know them.
const ASKED = {
  [LOAD_VIDEO]: (node) => asked('/vivid/clip', valuesOf(node, ['file'])),
  [SAMPLE_CLIP]: (node) => asked('/vivid/sample', valuesOf(node, SAMPLE_INPUTS))
}
const SAMPLE_INPUTS = ['scene', 'seed', 'width', 'height', 'length', 'fps']

// Where the server has the frames that come in at an input, such as "/vivid/clip?file=a.mp4"; null
// where that is known only after a run.
export function sourceAbove(node, name) {
  let at = node
  let slot = node.inputs?.findIndex((input) => input.name === name) ?? -1
  for (let step = 0; step < MOST_STEPS && slot >= 0; step += 1) {
    const link = at.getInputLink?.(slot)
    at = link ? at.getInputNode(slot) : null
    if (!at || at.mode === MUTED) return null
    if (at.mode === BYPASSED) slot = passedBy(at, link)
    else if (ASKED[at.type]) return ASKED[at.type](at)
    else if (PASSING[at.type] === link.origin_slot) slot = 0
    else return null
  }
  return null
}

// The input whose values a bypassed node hands on, as ComfyUI finds it: that of the same number if
// it is of the same type, else the first of that type.
function passedBy(node, { origin_slot: slot }) {
  const type = node.outputs?.[slot]?.type
  const fits = (input) => input && typesOf(input.type).some((one) => typesOf(type).includes(one))
  return fits(node.inputs?.[slot]) ? slot : (node.inputs ?? []).findIndex(fits)
}

const typesOf = (type) => `${type}`.split(',')

// The values of a node's widgets; null if one is missing, or comes in through a link.
function valuesOf(node, names) {
  const values = names.map((name) => {
    const input = node.inputs?.find((one) => one.name === name)
    return isThere(input?.link) ? null : node.widgets?.find((one) => one.name === name)?.value
  })
  if (!values.every((value) => isThere(value) && value !== '')) return null
  return Object.fromEntries(names.map((name, index) => [name, values[index]]))
}

const asked = (path, values) => values && `${path}?${new URLSearchParams(values)}`

// The frames of one editor. Call keep(data) with what a run showed, lookSoon() when what is
// upstream may have changed.
export class ShownFrames {
  // urlOf(data, file): address of a picture that ComfyUI serves; onChange(): the node's properties
  // changed.
  constructor({ node, editor, api, urlOf, onChange }) {
    Object.assign(this, { node, editor, api, urlOf, onChange })
    this.source = undefined // what was upstream when last looked
    this.turn = 0 // answers of earlier questions are left aside
    editor.onMissing = () => this.replaceMissing()
    editor.element.addEventListener('pointerenter', () => this.lookSoon())
  }

  keep(data) {
    if (!data) return
    this.turn += 1
    this.source = sourceAbove(this.node, 'video')
    this.isKept = true
    const kept = { source: this.source, ...shorten(data) }
    if (JSON.stringify(kept) === JSON.stringify(this.node.properties[FRAMES])) return
    this.node.properties[FRAMES] = kept
    this.onChange()
  }

  // Later, because a graph that is being loaded has no values yet, and a slider has many.
  lookSoon() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.look(), SETTLE_MS)
  }

  // A copy that only serves the clipboard lies in no graph.
  look() {
    if (!this.node.graph) return
    const source = sourceAbove(this.node, 'video')
    const { source: before } = this
    if (source === before) return
    this.source = source
    const kept = this.node.properties[FRAMES]
    // What no source is known of may be another clip by now, but not right after a reload.
    const isSame = isKept(kept) && kept.source === source && (source || before === undefined)
    if (isSame) this.showKept(lengthen(kept))
    else if (source) this.showSource(source)
    else if (before) this.editor.show(null)
  }

  showKept(data) {
    this.turn += 1
    this.isKept = true
    this.editor.show(data, (name) => this.urlOf(data, name))
  }

  async showSource(source) {
    this.turn += 1
    const { turn } = this
    this.editor.wait()
    const about = await ask(this.api, source)
    if (turn !== this.turn) return
    this.isKept = false
    if (about?.files) this.editor.show(about, (name) => this.urlOf(about, name))
    else this.editor.show(about && filesOf(about), ({ frame }) => this.frameOf(source, frame, about))
    this.editor.say('')
  }

  // A frame of a file; its stamp makes a file that was changed another address.
  frameOf(source, frame, { stamp }) {
    const file = new URLSearchParams(source.split('?')[1])
    return this.api.apiURL(`/vivid/frame?${file}&${new URLSearchParams({ frame, stamp })}`)
  }

  // Temporary pictures are gone after the server was started anew; their source may still be there.
  replaceMissing() {
    const { source, isKept } = this
    this.editor.show(null)
    if (source && isKept) this.showSource(source)
  }

  remove() {
    clearTimeout(this.timer)
    this.turn += 1
  }
}

// The candidates of one gallery.
export class ShownCandidates {
  constructor({ node, gallery, api, urlOf, onChange }) {
    Object.assign(this, { node, gallery, api, urlOf, onChange })
    this.turn = 0
  }

  keep(data) {
    if (!data) return
    this.turn += 1
    const digests = data.current.map(({ digest }) => digest).slice(0, MOST_CANDIDATES)
    if (JSON.stringify(digests) === JSON.stringify(this.node.properties[CANDIDATES])) return
    this.node.properties[CANDIDATES] = digests
    this.onChange()
  }

  async restore() {
    const digests = this.node.properties[CANDIDATES]
    if (!isListOfDigests(digests)) return
    const { turn } = this
    const named = new URLSearchParams(digests.map((digest) => ['digest', digest]))
    const data = await ask(this.api, `/vivid/candidates?${named}`)
    if (turn === this.turn && data?.current.length) this.gallery.show(data, this.urlOf)
  }
}

// What the server answers, or null where it has nothing.
async function ask(api, path) {
  const answer = await api.fetchApi(path).catch(() => null)
  return answer?.ok ? answer.json() : null
}

function filesOf({ width, height, fps, frames }) {
  const files = Array.from({ length: frames }, (_, frame) => ({ frame }))
  return { width, height, fps, files, overlays: [] }
}

function shorten({ subfolder, width, height, fps, files, overlays }) {
  const overlay = overlays[0]?.slice(0, -NUMBERED.length) ?? null
  return { subfolder, width, height, fps, frames: files.length, overlay }
}

function lengthen({ subfolder, width, height, fps, frames, overlay }) {
  const named = (name) =>
    Array.from({ length: frames }, (_, frame) => `${name}_${`${frame}`.padStart(5, '0')}.jpg`)
  const [files, overlays] = [named('frame'), overlay ? named(overlay) : []]
  return { subfolder, type: 'temp', width, height, fps, files, overlays }
}

// Properties come with a workflow, and so from anywhere.
function isKept(data) {
  return (
    isPlain(data) && FOLDER.test(data.subfolder) && isCount(data.frames, MOST_FRAMES) &&
    isCount(data.width, MOST_SIDE) && isCount(data.height, MOST_SIDE) &&
    (data.overlay === null || OVERLAY.test(data.overlay))
  )
}

const MUTED = 2 // LiteGraph's numbers for modes of a node
const BYPASSED = 4
const isThere = (value) => value !== null && value !== undefined
const isCount = (value, most) => Number.isInteger(value) && value > 0 && value <= most
const isListOfDigests = (list) =>
  Array.isArray(list) && list.length > 0 && list.length <= MOST_CANDIDATES &&
  list.every((digest) => typeof digest === 'string' && DIGEST.test(digest))
