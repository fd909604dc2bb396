// Puts the compare view, the editors and the reports on the nodes that have them.

import { app } from '../../scripts/app.js'
import { api } from '../../scripts/api.js'
import { addStageColor, addTypeColors } from './colors.js'
import { CompareView } from './compare_view.js'
import { EditorTabs } from './editor_tabs.js'
import { button, make } from './frame_view.js'
import { everyNode, placeOf } from './graphs.js'
import { KeyframeGallery } from './keyframe_gallery.js'
import { Messages, Notice, isText, useNative } from './messages.js'
import { PaintEditor } from './paint_editor.js'
import { PathEditor } from './path_editor.js'
import { PointsEditor } from './points_editor.js'
import { forgetSizes, tellSize } from './preview_size.js'
import { LOAD_VIDEO, SAMPLE_CLIP, ShownCandidates, ShownFrames } from './shown.js'
import { addWeightsPanel } from './weights_panel.js'

const COMPARE = 'Vivid_CompareEdit'
const REPORTS = [
  'Vivid_EditVideo', 'Vivid_EstimateCost', 'Vivid_EditKeyframe', 'Vivid_PropagateKeyframes',
  'Vivid_EditLongVideo', 'Vivid_PropagateBackgroundMask', 'Vivid_FillBackground', 'Vivid_MeasureEdit',
  'Vivid_LoadDataset', 'Vivid_SampleDataset', 'Vivid_TrainAdapter', 'Vivid_OverlayMask',
  'Vivid_EditByInstruction', 'Vivid_SweepGuidance', 'Vivid_ScreenEdits', 'Vivid_PropagateEdit',
  'Vivid_FilterEdit', 'Vivid_BuildDataset', 'Vivid_BuildInstructionDataset', 'Vivid_WriteSamples',
  'Vivid_FilterSample', 'Vivid_WritePair', 'Vivid_WriteInstructions', 'Vivid_TagFrame', 'Vivid_DetectEntities',
  'Vivid_SegmentEntities', 'Vivid_CaptionEntity', 'Vivid_SaveAdapter', 'Vivid_MergeAdapter'
]
const TRACK = 'Vivid_TrackObject'
const ANIMATE = 'Vivid_AnimateMask'
const PICK = 'Vivid_PickKeyframe'
const STYLES = ['./compare.css', './points.css', './keyframe_gallery.css', './lightbox.css']
const COMPARE_SIZE = [460, 620]
const EDITOR_SIZE = [480, 640]
const VIEW_HEIGHT = 320
const EDITOR_HEIGHT = 360
const TABS_HEIGHT = 32 // above an editor that shares its place
const REPORT_HEIGHT = 110
const REPORT_MOST = 260
const TEXT_HEIGHT = 60 // of a text box, at least
const TEXT_MOST = 120
const NO_REPORT = 'The report appears here after a run.'

const SIZE_SETTINGS = ['width', 'height', 'length'] // a connected clip has its own
const PATH_SETTINGS = [...SIZE_SETTINGS, 'shape', 'size_x', 'size_y', 'ease', 'follow']
const BRUSH = 'brush' // the shape that is painted
const CLEARED = 'vivid_cleared_until'
const LINKED = 'This input is connected: what comes in through the link is used, not this.'

function addStyles() {
  for (const style of STYLES) {
    const href = new URL(style, import.meta.url).href
    if (document.querySelector(`link[href="${href}"]`)) continue
    document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href }))
  }
}

// A widget that only shows something: nothing of it is saved or sent.
function addView(node, name, element, height, most) {
  const widget = node.addDOMWidget(name, `VIVID_${name.toUpperCase()}`, element, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => height + (node.vividNotice?.room ?? 0),
    ...(most ? { getMaxHeight: () => most + (node.vividNotice?.room ?? 0) } : {}),
    getValue: () => '',
    setValue: () => {}
  })
  widget.serialize = false
  guardPlace(widget)
  return widget
}

// The side panel's Parameters tab writes its own width and top into widgets that it shows too.
function guardPlace(widget) {
  let top = widget.y ?? 0
  const set = (y) => {
    if (y > 0) top = y
  }
  Object.defineProperty(widget, 'width', { configurable: true, get: () => undefined, set: () => {} })
  Object.defineProperty(widget, 'y', { configurable: true, get: () => top, set })
}

// Text boxes leave room for what else a node shows.
function limitTexts(node) {
  for (const widget of node.widgets ?? []) {
    if (!isText(widget.element)) continue
    guardPlace(widget)
    widget.options.getMinHeight = () => TEXT_HEIGHT
    widget.options.getMaxHeight = () => TEXT_MOST
  }
}

function forwardWheel(element) {
  element.addEventListener('wheel', (event) => {
    if (window.LiteGraph?.vueNodesMode || event.defaultPrevented) return
    event.preventDefault()
    app.canvas.canvas.dispatchEvent(new WheelEvent('wheel', event))
  })
}

function after(node, method, action) {
  const original = node[method]
  node[method] = function (...values) {
    const result = original?.apply(this, values)
    action.apply(this, values)
    return result
  }
}

function growTo(node, [width, height]) {
  node.setSize([Math.max(node.size[0], width), Math.max(node.size[1], height)])
}

function addCompare(node) {
  const view = new CompareView()
  holdNotice(node, view.element)
  addView(node, 'compare', view.element, VIEW_HEIGHT)
  forwardWheel(view.element)
  growTo(node, COMPARE_SIZE)
  // The contact sheet among the outputs is for headless runs.
  node.hideOutputImages = true
  node.vividShow = (output) => {
    const data = output?.vivid_compare?.[0]
    if (data) view.show(data, (file) => addressOf(data, file))
  }
  after(node, 'onRemoved', () => view.remove())
}

// The text widget keeps the value that is saved and sent; it gives its place to its editor.
function hideBehind(widget, view) {
  widget.hidden = true
  widget.options.hidden = true
  // Older frontends leave room for hidden widgets; newer ones forget to place their sockets.
  widget.computeSize = () => [0, -4]
  Object.defineProperty(widget, 'y', { configurable: true, get: () => view.y, set: () => {} })
}

// Undo and the mark of unsaved changes; a click is noticed without this, a key is not.
function noteChange() {
  const tracker = app.extensionManager?.workflow?.activeWorkflow?.changeTracker
  if (tracker?.captureCanvasState) tracker.captureCanvasState()
  else tracker?.checkState?.()
  app.graph?.setDirtyCanvas(true, true)
}

function isLinked(node, name) {
  const input = node.inputs?.find((one) => one.widget?.name === name || one.name === name)
  return input !== undefined && input.link !== null && input.link !== undefined
}

function showFrames(editor, output) {
  const data = output?.vivid_frames?.[0]
  if (data) editor.show(data, (file) => addressOf(data, file))
  editor.say(output?.text?.[0] ?? '')
}

function showCandidates(gallery, output) {
  const data = output?.vivid_gallery?.[0]
  if (data) gallery.show(data, (picture) => addressOf(picture, picture.file))
  gallery.say(output?.text?.[0] ?? '')
}

// `Editor` for the text of a node's widget `name`.
function makeEditor(node, Editor, name) {
  const text = node.widgets.find((widget) => widget.name === name)
  // Setting the value of a multiline text calls its callback.
  const onChange = (value) => {
    text.value = value
    noteChange()
  }
  const editor = new Editor({ onChange })
  const read = () => {
    editor.setValue(text.value ?? '')
    editor.setReadOnly(isLinked(node, name) ? LINKED : '')
  }
  after(text, 'callback', () => editor.setValue(text.value ?? ''))
  after(node, 'onConfigure', read)
  after(node, 'onConnectionsChange', read)
  read()
  return editor
}

// An editor, or several behind tabs, in the place of the texts of these widgets; show(editor,
// output) after a run.
function placeEditor(node, editor, names, show = showFrames) {
  holdNotice(node, editor.element)
  const height = EDITOR_HEIGHT + (names.length > 1 ? TABS_HEIGHT : 0)
  const view = addView(node, `${names[0]}_editor`, editor.element, height)
  const texts = names.map((name) => node.widgets.find((widget) => widget.name === name))
  view.label = texts[0].label || names[0] // app mode shows it
  for (const text of texts) hideBehind(text, view)
  forwardWheel(editor.element)
  growTo(node, EDITOR_SIZE)
  after(node, 'onRemoved', () => editor.remove())
  node.vividShow = (output) => show(editor, output)
}

function addEditor(node, Editor, name, show = showFrames) {
  const editor = makeEditor(node, Editor, name)
  placeEditor(node, editor, [name], show)
  return editor
}

// The frames come back after a reload, and appear without a run where their file is known.
function keepFrames(node, editor) {
  const shown = new ShownFrames({ node, editor, api, urlOf: addressOf, onChange: noteChange })
  after(node, 'onConfigure', () => shown.lookSoon())
  after(node, 'onConnectionsChange', () => shown.lookSoon())
  after(node, 'onRemoved', () => shown.remove())
  after(node, 'vividShow', (output) => shown.keep(output?.vivid_frames?.[0]))
  node.vividLook = () => shown.lookSoon()
}

// Editors downstream look again when another file or scene is chosen.
function watchSource(node) {
  const lookAgain = () => {
    for (const one of everyNode(app)) one.vividLook?.()
  }
  for (const widget of node.widgets ?? []) after(widget, 'callback', lookAgain)
  after(node, 'onConnectionsChange', lookAgain)
}

function addPoints(node) {
  const editor = addEditor(node, PointsEditor, 'prompts')
  keepFrames(node, editor)
}

// A shape along a path, and strokes of a brush by frame.
function addPath(node) {
  const path = makeEditor(node, PathEditor, 'path')
  const paint = makeEditor(node, PaintEditor, 'paint')
  const tabs = new EditorTabs({ Path: path, Paint: paint })
  placeEditor(node, tabs, ['path', 'paint'])
  keepFrames(node, tabs)
  after(node, 'vividShow', (output) => {
    const data = output?.vivid_masks?.[0]
    if (!data) return
    const { width, height, files } = data
    if (!isLinked(node, 'video')) paint.setSize(width, height, files.length)
    paint.showMasks(data.kind, files.map((file) => addressOf(data, file)))
  })
  const named = (name) => node.widgets.find((widget) => widget.name === name)
  const read = () => {
    const value = (name) => named(name)?.value
    const connected = isLinked(node, 'video')
    for (const editor of tabs.all) editor.setClip(connected)
    for (const name of SIZE_SETTINGS) {
      const widget = named(name)
      if (widget) widget.disabled = connected
    }
    const size = SIZE_SETTINGS.map(value)
    for (const editor of tabs.all) editor.setSize(...size)
    path.setMotion({
      shape: value('shape'),
      sizeX: value('size_x'),
      sizeY: value('size_y'),
      ease: value('ease'),
      follows: value('follow') !== 'nothing'
    })
    const retouches = value('shape') !== BRUSH || isLinked(node, 'track')
    paint.setKeepsTrack(retouches)
    offerPaint(node, tabs, !retouches || isLinked(node, 'track'))
  }
  for (const name of PATH_SETTINGS) {
    const widget = named(name)
    if (widget) after(widget, 'callback', read)
  }
  after(node, 'onConfigure', read)
  after(node, 'onConnectionsChange', read)
  read()
}

// The tab that counts comes to the front when that changes; which one is seen stays a free choice.
function offerPaint(node, tabs, paints) {
  if (paints === (node.vividPaints ?? false)) return
  node.vividPaints = paints
  tabs.choose(paints ? 'Paint' : 'Path')
}

// What is cleared is remembered with the node, not sent: it changes nothing of the result.
function addGallery(node) {
  const gallery = addEditor(node, KeyframeGallery, 'choice', showCandidates)
  gallery.onClear = (until) => {
    node.properties[CLEARED] = until
    noteChange()
  }
  const urlOf = (picture) => addressOf(picture, picture.file)
  const shown = new ShownCandidates({ node, gallery, api, urlOf, onChange: noteChange })
  after(node, 'vividShow', (output) => shown.keep(output?.vivid_gallery?.[0]))
  after(node, 'onConfigure', () => {
    gallery.setCleared(node.properties[CLEARED] ?? 0)
    shown.restore()
  })
}

// Messages about the node stand above what it shows.
function holdNotice(node, element) {
  node.vividNotice = new Notice()
  element.prepend(node.vividNotice.element)
}

function addReport(node) {
  const panel = make('div', 'vivid-panel')
  const report = make('pre', 'vivid-report vivid-report-empty', { textContent: NO_REPORT })
  const remedies = make('div', 'vivid-remedies', { hidden: true })
  panel.append(report, remedies)
  holdNotice(node, panel)
  for (const kind of ['pointerdown', 'mousedown']) {
    panel.addEventListener(kind, (event) => event.button === 0 && event.stopPropagation())
  }
  addView(node, 'report_view', panel, REPORT_HEIGHT, REPORT_MOST)
  node.vividShow = (output) => {
    const words = output?.text?.[0]
    if (words === undefined) return
    report.textContent = words
    report.classList.remove('vivid-report-empty')
    const warned = words.split('\n').filter((line) => line.startsWith('WARNING'))
    const remedy = useNative(node, warned.join('\n'))
    remedies.hidden = !remedy
    remedies.replaceChildren(...(remedy ? [button(remedy[0], () => {
      remedy[1]()
      remedies.hidden = true
    })] : []))
  }
}

// The last live preview would hide the result, or stay below it, whichever arrives first. The
// second renderer keeps its own list of them, in a store.
function dropLivePreview(node) {
  const page = document.getElementById('vue-app')?.__vue_app__?.config.globalProperties
  const store = page?.$pinia?._s.get('nodeOutput')
  const place = placeOf(app, node)
  if (!app.nodePreviewImages?.[place]) return
  if (store?.revokePreviewsByLocatorId) store.revokePreviewsByLocatorId(place)
  else delete app.nodePreviewImages[place]
}

function addressOf(data, file) {
  const place = new URLSearchParams({ filename: file, subfolder: data.subfolder, type: data.type })
  return api.apiURL(`/view?${place}`)
}

const isOurs = (kind) => Boolean(kind?.startsWith('Vivid_'))
// A subgraph shows the previews of what is inside.
const holdsOurs = (node) => isOurs(node.comfyClass) || (node.subgraph?.nodes ?? []).some(holdsOurs)
const messages = new Messages({ app, api, addView })

app.registerExtension({
  name: 'Vivid.Views',

  setup() {
    addStyles()
    addTypeColors(app.canvas)
    messages.listen()
    api.addEventListener('execution_success', () => {
      for (const node of everyNode(app)) if (holdsOurs(node)) dropLivePreview(node)
    })
  },

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!isOurs(nodeData.name)) return
    after(nodeType.prototype, 'onExecuted', function (output) {
      dropLivePreview(this)
      tellSize(this, output)
      this.vividShow?.(output)
    })
    // Frontends that do not know `hideOutputImages` would draw the contact sheet below the view.
    if (nodeData.name === COMPARE) nodeType.prototype.onDrawBackground = () => {}
  },

  nodeCreated(node) {
    if ([LOAD_VIDEO, SAMPLE_CLIP].includes(node.comfyClass)) watchSource(node)
    if (!isOurs(node.comfyClass)) return
    limitTexts(node)
    addStageColor(node, node.constructor.nodeData?.category)
    if (node.comfyClass === COMPARE) addCompare(node)
    if (node.comfyClass === TRACK) addPoints(node)
    if (node.comfyClass === ANIMATE) addPath(node)
    if (node.comfyClass === PICK) addGallery(node)
    if (REPORTS.includes(node.comfyClass)) addReport(node)
    messages.watch(node)
    // The canvas would draw it once without its views; the other renderer measures by itself.
    if (!window.LiteGraph?.vueNodesMode) growTo(node, [0, node.computeSize()[1]])
    addWeightsPanel(node, addView)
  },

  // A workflow tab that is opened again still has its results.
  loadedGraphNode(node) {
    if (isOurs(node.comfyClass)) tellSize(node, app.nodeOutputs?.[node.id])
    node.vividShow?.(app.nodeOutputs?.[node.id])
  },

  beforeConfigureGraph: forgetSizes
})
