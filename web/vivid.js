// Puts the compare view and the reports on the nodes that have them.

import { app } from '../../scripts/app.js'
import { api } from '../../scripts/api.js'
import { CompareView } from './compare_view.js'

const COMPARE = 'Vivid_CompareEdit'
const REPORTS = ['Vivid_EditVideo', 'Vivid_EstimateCost']
const COMPARE_SIZE = [460, 620]
const VIEW_HEIGHT = 320
const REPORT_HEIGHT = 110
const REPORT_MOST = 220
const NO_REPORT = 'The report appears here after a run.'

function addStyle() {
  const href = new URL('./compare.css', import.meta.url).href
  if (document.querySelector(`link[href="${href}"]`)) return
  document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href }))
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

function addCompare(node) {
  const view = new CompareView()
  addView(node, 'compare', view.element, VIEW_HEIGHT)
  forwardWheel(view.element)
  const [width, height] = node.size
  node.setSize([Math.max(width, COMPARE_SIZE[0]), Math.max(height, COMPARE_SIZE[1])])
  // The contact sheet among the outputs is for headless runs.
  node.hideOutputImages = true
  node.vividShow = (output) => {
    const data = output?.vivid_compare?.[0]
    if (data) view.show(data, (file) => addressOf(data, file))
  }
  after(node, 'onRemoved', () => view.remove())
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

  setup: addStyle,

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (nodeData.name !== COMPARE && !REPORTS.includes(nodeData.name)) return
    after(nodeType.prototype, 'onExecuted', function (output) {
      dropLivePreview(this)
      this.vividShow?.(output)
    })
    // Frontends that do not know `hideOutputImages` would draw the contact sheet below the view.
    if (nodeData.name === COMPARE) nodeType.prototype.onDrawBackground = () => {}
  },

  nodeCreated(node) {
    if (node.comfyClass === COMPARE) addCompare(node)
    if (REPORTS.includes(node.comfyClass)) addReport(node)
  },

  // A workflow tab that is opened again still has its results.
  loadedGraphNode(node) {
    node.vividShow?.(app.nodeOutputs?.[node.id])
  }
})
