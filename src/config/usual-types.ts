/** Names under which this plugin is installed: its own, and the one of the plugin it can stand in for. */
export const usualTypes: readonly string[] = ['sriov', 'dra-sriov'];
