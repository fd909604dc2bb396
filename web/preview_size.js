// The size below a preview: that of the clip, not that of the small or enlarged picture of it.

const LABEL = '.image-preview > .text-center > span' // of the second renderer; the first has none

const sizes = new Map() // by node id

// Through a style, because the host writes its own words again whenever it draws.
export function tellSize(node, output) {
  const [size] = output?.vivid_size ?? []
  if (!size) return
  sizes.set(`${node.id}`, size)
  sheet().textContent = [...sizes].map(([id, [width, height]]) => ruleOf(id, width, height)).join('')
}

function ruleOf(id, width, height) {
  const label = `[data-node-id="${CSS.escape(id)}"] ${LABEL}`
  const words = `content: "${Number(width)} \u00d7 ${Number(height)}"; font-size: 12px;`
  return `${label} { font-size: 0; } ${label}::after { ${words} }\n`
}

function sheet() {
  const id = 'vivid-preview-sizes'
  const found = document.getElementById(id)
  if (found) return found
  const style = Object.assign(document.createElement('style'), { id })
  document.head.append(style)
  return style
}

// Ids begin anew with another graph.
export function forgetSizes() {
  sizes.clear()
  sheet().textContent = ''
}
