declare const brand: unique symbol;

/** A primitive that only its parser makes, so that an unchecked string can't stand in for a checked one. */
export type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };
