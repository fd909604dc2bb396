// Puts the compare view, the editors and the reports on the nodes that have them.

import { app } from '../../scripts/app.js'
import { api } from '../../scripts/api.js'
import { CompareView } from './compare_view.js'
import { KeyframeGallery } from './keyframe_gallery.js'
import { PathEditor } from './path_editor.js'
import { PointsEditor } from './points_editor.js'

const COMPARE = 'Vivid_CompareEdit'
const REPORTS = [
  'Vivid_EditVideo', 'Vivid_EstimateCost', 'Vivid_EditKeyframe', 'Vivid_PropagateKeyframes',
  'Vivid_EditLongVideo'
]
const TRACK = 'Vivid_TrackObject'
const ANIMATE = 'Vivid_AnimateMask'
const PICK = 'Vivid_PickKeyframe'
const STYLES = ['./compare.css', './points.css', './keyframe_gallery.css']
const COMPARE_SIZE = [460, 620]
const EDITOR_SIZE = [480, 640]
const VIEW_HEIGHT = 320
const EDITOR_HEIGHT = 360
const REPORT_HEIGHT = 110
const REPORT_MOST = 220
const NO_REPORT = 'The report appears here after a run.'

const PATH_SETTINGS = [
  'width', 'height', 'length', 'shape', 'size_x', 'size_y', 'ease', 'follow'
]
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
    getMinHeight: () => height,
    ...(most ? { getMaxHeight: () => most } : {}),
    getValue: () => '',
    setValue: () => {}
  })
  widget.serialize = false
  return widget
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
}

// `Editor` on a node, for the text of the widget `name`; show(editor, output) after a run.
function addEditor(node, Editor, name, show = showFrames) {
  const text = node.widgets.find((widget) => widget.name === name)
  // Setting the value of a multiline text calls its callback.
  const onChange = (value) => {
    text.value = value
    noteChange()
  }
  const editor = new Editor({ onChange })
  const view = addView(node, `${name}_editor`, editor.element, EDITOR_HEIGHT)
  const read = () => {
    editor.setValue(text.value ?? '')
    editor.setReadOnly(isLinked(node, name) ? LINKED : '')
  }
  hideBehind(text, view)
  forwardWheel(editor.element)
  growTo(node, EDITOR_SIZE)
  after(text, 'callback', () => editor.setValue(text.value ?? ''))
  after(node, 'onConfigure', read)
  after(node, 'onConnectionsChange', read)
  after(node, 'onRemoved', () => editor.remove())
  node.vividShow = (output) => show(editor, output)
  read()
  return editor
}

function addPath(node) {
  const editor = addEditor(node, PathEditor, 'path')
  const named = (name) => node.widgets.find((widget) => widget.name === name)
  const read = () => {
    const value = (name) => named(name)?.value
    editor.setSize(value('width'), value('height'), value('length'))
    editor.setMotion({
      shape: value('shape'),
      sizeX: value('size_x'),
      sizeY: value('size_y'),
      ease: value('ease'),
      follows: value('follow') !== 'nothing'
    })
  }
  for (const name of PATH_SETTINGS) {
    const widget = named(name)
    if (widget) after(widget, 'callback', read)
  }
  after(node, 'onConfigure', read)
  read()
}

// What is cleared is remembered with the node, not sent: it changes nothing of the result.
function addGallery(node) {
  const gallery = addEditor(node, KeyframeGallery, 'choice', showCandidates)
  gallery.onClear = (until) => {
    node.properties[CLEARED] = until
    noteChange()
  }
  after(node, 'onConfigure', () => gallery.setCleared(node.properties[CLEARED] ?? 0))
}

function addReport(node) {
  const element = document.createElement('pre')
  element.className = 'vivid-report vivid-report-empty'
  element.textContent = NO_REPORT
  for (const kind of ['pointerdown', 'mousedown']) {
    element.addEventListener(kind, (event) => event.button === 0 && event.stopPropagation())
  }
  addView(node, 'report_view', element, REPORT_HEIGHT, REPORT_MOST)
  node.vividShow = (output) => {
    const words = output?.text?.[0]
    if (words === undefined) return
    element.textContent = words
    element.classList.remove('vivid-report-empty')
  }
}

// The last live preview would hide the result, whichever arrives first.
function dropLivePreview(node) {
  for (const key of Object.keys(app.nodePreviewImages ?? {})) {
    if (key === `${node.id}` || key.endsWith(`:${node.id}`)) delete app.nodePreviewImages[key]
  }
}

function addressOf(data, file) {
  const place = new URLSearchParams({ filename: file, subfolder: data.subfolder, type: data.type })
  return api.apiURL(`/view?${place}`)
}

app.registerExtension({
  name: 'Vivid.Views',

  setup: addStyles,

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (![COMPARE, TRACK, ANIMATE, PICK, ...REPORTS].includes(nodeData.name)) return
    after(nodeType.prototype, 'onExecuted', function (output) {
      dropLivePreview(this)
      this.vividShow?.(output)
    })
    // Frontends that do not know `hideOutputImages` would draw the contact sheet below the view.
    if (nodeData.name === COMPARE) nodeType.prototype.onDrawBackground = () => {}
  },

  nodeCreated(node) {
    if (node.comfyClass === COMPARE) addCompare(node)
    if (node.comfyClass === TRACK) addEditor(node, PointsEditor, 'prompts')
    if (node.comfyClass === ANIMATE) addPath(node)
    if (node.comfyClass === PICK) addGallery(node)
    if (REPORTS.includes(node.comfyClass)) addReport(node)
  },

  // A workflow tab that is opened again still has its results.
  loadedGraphNode(node) {
    node.vividShow?.(app.nodeOutputs?.[node.id])
  }
})
