// The part of Node's process that commander looks at, while it parses given arguments and prints through given
// functions.
// biome-ignore lint/style/noDefaultExport: the shape of node:process
export default { argv: [], env: {}, execArgv: [], versions: {}, platform: 'linux', stdout: {}, stderr: {} };
