// node:child_process, node:fs and node:path: commander needs them for commands that are files of their own; ours
// aren't.
// biome-ignore lint/style/noDefaultExport: the shape of those modules
export default {};
