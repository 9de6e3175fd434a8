// node-netlink's codecs without Node's types, for tsconfig.core.json.
type Fields = Readonly<Record<string, unknown>>;

export declare function formatAddress(fields: Fields): Buffer;
export declare function formatLink(fields: Fields): Buffer;
export declare function formatNeighbor(fields: Fields): Buffer;
export declare function formatRoute(fields: Fields): Buffer;
