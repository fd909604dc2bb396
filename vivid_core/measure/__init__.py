"""How good edits are: figures of one edit, of a set of them, and what people say of them."""
