// Colours of this pack's sockets and links, and of its nodes by stage.

// Of core's own kind where there is one: a model is as violet as core's MODEL.
const TYPES = {
  VIVID_MODEL: '#b39ddb',
  VIVID_ADAPTER: '#ce93d8',
  VIVID_TRACKER: '#f06292',
  VIVID_FLOW: '#7e9cd8',
  VIVID_MASK_TRACK: '#4db6ac',
  VIVID_KEYFRAME: '#ffb74d',
  VIVID_FRAME: '#ff8a65',
  VIVID_DATASET: '#a1887f'
}

// Of the title: dark tints of ComfyUI's own palette, which it makes lighter in light themes. The
// body keeps the theme's colour, on which everything can be read.
const STAGES = { 1: '#3f5159', 2: '#335533', 3: '#333f66', 4: '#553355', 5: '#2f5555', 6: '#665533', 7: '#5a4038' }

// A palette may name our types; one that does not leaves them empty, which is no colour.
function offer(colors, type, ours) {
  let chosen = colors[type]
  Object.defineProperty(colors, type, {
    configurable: true,
    enumerable: true,
    get: () => chosen || ours,
    set: (color) => {
      chosen = color
    }
  })
}

// For both renderers: the canvas looks into tables, the other one into CSS.
export function addTypeColors(canvas) {
  const tables = [canvas?.default_connection_color_byType, canvas?.constructor.link_type_colors]
  const rules = Object.entries(TYPES).map(([type, color]) => {
    for (const table of tables) if (table) offer(table, type, color)
    return `--color-datatype-${type}: ${color};`
  })
  const style = document.createElement('style')
  style.textContent = `:root { ${rules.join(' ')} }`
  document.head.prepend(style)
}

// A new node gets the colour of its stage; one of a workflow keeps what is stored, also no colour.
export function addStageColor(node, category) {
  const color = STAGES[/^VIVID\/(\d)/.exec(category ?? '')?.[1]]
  if (!color) return
  node.color = color
  const original = node.onConfigure
  node.onConfigure = function (info) {
    if (info.color === undefined && this.color === color) this.color = undefined
    return original?.call(this, info)
  }
}
