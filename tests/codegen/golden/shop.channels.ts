import { StateChannel, type ChannelOptions, type Token } from "@rxsse/react/core";
import type {
  Brief,
  Columns,
  Deep,
  Extras,
  Fields,
  Linked,
  Maker,
  Methods,
  NestedMaker,
  NestedTag,
  Odd,
  Passport,
  Raw,
  Relations,
  Shelf,
  Short,
  Tag,
  Unknown,
  ViewsTag,
  Ways,
} from "./shop.interfaces";

export class BriefChannel extends StateChannel<Brief[]> {
  constructor(token?: Token, options?: ChannelOptions<Brief[]>) {
    super("/brief/", token, options);
  }
}

/** The rows in the state of ColumnsChannel, by type. */
export interface ColumnsChannelRows {
  Columns: Columns;
}

export class ColumnsChannel extends StateChannel<Columns, ColumnsChannelRows> {
  static override readonly instances = {
    Columns: { key: "id", paths: [[]] },
  } as const;

  constructor(shopName: string, pk: number, token?: Token, options?: ChannelOptions<Columns>) {
    super(`/in/${encodeURIComponent(shopName)}/columns/${encodeURIComponent(pk)}/`, token, options);
  }
}

/** The rows in the state of DeepChannel, by type. */
export interface DeepChannelRows {
  Deep: Deep;
  NestedMaker: NestedMaker;
  NestedTag: NestedTag;
}

export class DeepChannel extends StateChannel<Deep, DeepChannelRows> {
  static override readonly instances = {
    Deep: { key: "id", paths: [[]] },
    NestedMaker: { key: "id", paths: [["maker"]] },
    NestedTag: { key: "word", paths: [["tags", "*"]] },
  } as const;

  constructor(theYear: number, pk: number | string, token?: Token, options?: ChannelOptions<Deep>) {
    super(
      `/a%20b/%C3%BC/%60$%7Bx%7D%60%5C/100%25/${encodeURIComponent(theYear)}/${encodeURIComponent(pk)}/`,
      token,
      options,
    );
  }
}

export class ExtrasChannel extends StateChannel<Extras> {
  constructor(pk: number, token?: Token, options?: ChannelOptions<Extras>) {
    super(`/extras/${encodeURIComponent(pk)}/`, token, options);
  }
}

/** The rows in the state of FieldsChannel, by type. */
export interface FieldsChannelRows {
  Fields: Fields;
}

export class FieldsChannel extends StateChannel<Fields, FieldsChannelRows> {
  static override readonly instances = {
    Fields: { key: "id", paths: [[]] },
  } as const;

  constructor(pk: number, token?: Token, options?: ChannelOptions<Fields>) {
    super(`/first/${encodeURIComponent(pk)}/`, token, options);
  }
}

export class LinkedChannel extends StateChannel<Linked> {
  constructor(pk: string, token?: Token, options?: ChannelOptions<Linked>) {
    super(`/linked/${encodeURIComponent(pk).replace(/%2F/g, "/")}`, token, options);
  }
}

/** The rows in the state of MakersOfEverythingThatIsSoldOrWasSoldInTheShopChannel, by type. */
export interface MakersOfEverythingThatIsSoldOrWasSoldInTheShopChannelRows {
  Maker: Maker;
  Passport: Passport;
}

/** A name that doesn't fit into a line. */
export class MakersOfEverythingThatIsSoldOrWasSoldInTheShopChannel extends StateChannel<
  Maker[],
  MakersOfEverythingThatIsSoldOrWasSoldInTheShopChannelRows
> {
  static override readonly instances = {
    Maker: { key: "id", paths: [["*"]] },
    Passport: { key: "maker", paths: [["*", "passport"]] },
  } as const;

  constructor(token?: Token, options?: ChannelOptions<Maker[]>) {
    super("/makers/", token, options);
  }
}

/** The rows in the state of MethodsChannel, by type. */
export interface MethodsChannelRows {
  Methods: Methods;
}

export class MethodsChannel extends StateChannel<Methods, MethodsChannelRows> {
  static override readonly instances = {
    Methods: { key: "id", paths: [[]] },
  } as const;

  constructor(
    aVeryLongArgument: number,
    anotherVeryLongArgument: number,
    aB: number,
    aB_: number,
    aB_2: number,
    token?: Token,
    options?: ChannelOptions<Methods>,
  ) {
    super(
      `/methods/${encodeURIComponent(aVeryLongArgument)}/${encodeURIComponent(anotherVeryLongArgument)}/${encodeURIComponent(aB)}/${encodeURIComponent(aB_)}/${encodeURIComponent(aB_2)}/`,
      token,
      options,
    );
  }
}

/** The rows in the state of OddChannel, by type. */
export interface OddChannelRows {
  Odd: Odd;
}

export class OddChannel extends StateChannel<Odd, OddChannelRows> {
  static override readonly instances = {
    Odd: { key: "id", paths: [[]] },
  } as const;

  constructor(pk: string, token?: Token, options?: ChannelOptions<Odd>) {
    super(`/odd/${encodeURIComponent(pk)}/`, token, options);
  }
}

/** The rows in the state of RawChannel, by type. */
export interface RawChannelRows {
  Raw: Raw;
}

export class RawChannel extends StateChannel<Raw, RawChannelRows> {
  static override readonly instances = {
    Raw: { key: "pk", paths: [[]] },
  } as const;

  constructor(
    shopName: string,
    slug: string,
    pk: string,
    token?: Token,
    options?: ChannelOptions<Raw>,
  ) {
    super(
      `/in/${encodeURIComponent(shopName)}/raw/${encodeURIComponent(slug)}/${encodeURIComponent(pk)}`,
      token,
      options,
    );
  }
}

/** The rows in the state of RelationsChannel, by type. */
export interface RelationsChannelRows {
  Relations: Relations;
}

export class RelationsChannel extends StateChannel<Relations, RelationsChannelRows> {
  static override readonly instances = {
    Relations: { key: "id", paths: [[]] },
  } as const;

  constructor(
    shopName: string,
    pk: number | string,
    page: string,
    token?: Token,
    options?: ChannelOptions<Relations>,
  ) {
    super(
      `/in/${encodeURIComponent(shopName)}/relations/${encodeURIComponent(pk)}/page-${encodeURIComponent(page)}/`,
      token,
      options,
    );
  }
}

/** The rows in the state of ShelfChannel, by type. */
export interface ShelfChannelRows {
  Shelf: Shelf;
  ViewsTag: ViewsTag;
  Tag: Tag;
}

export class ShelfChannel extends StateChannel<Shelf, ShelfChannelRows> {
  static override readonly instances = {
    Shelf: { key: "id", paths: [[]] },
    ViewsTag: { key: "pk", paths: [["tags", "*"]] },
    Tag: { key: "word", paths: [["first_tags", "*"]] },
  } as const;

  constructor(pk: number | string, name: string, token?: Token, options?: ChannelOptions<Shelf>) {
    super(`/shelf/${encodeURIComponent(pk)}/${encodeURIComponent(name)}`, token, options);
  }
}

export class UnknownChannel extends StateChannel<Unknown> {
  constructor(pk: number | string, token?: Token, options?: ChannelOptions<Unknown>) {
    super(`/unknown/${encodeURIComponent(pk)}`, token, options);
  }
}

/** The rows in the state of WaysChannel, by type. */
export interface WaysChannelRows {
  Ways: Ways;
  Short: Short;
  Maker: Maker;
  Passport: Passport;
}

/**
 * Ways.
 *
 * With ``code`` and a `backtick`, and *\/ in it.
 */
export class WaysChannel extends StateChannel<Ways, WaysChannelRows> {
  static override readonly instances = {
    Ways: { key: "id", paths: [[]] },
    Short: { key: "id", paths: [["itself"], ["nested_far"], ["listed", "*"], ["listed_far", "*"]] },
    Maker: { key: "id", paths: [["nested"]] },
    Passport: { key: "maker", paths: [["nested", "passport"]] },
  } as const;

  constructor(pk: string | number, class_: string, token?: Token, options?: ChannelOptions<Ways>) {
    super(
      `/ways/${encodeURIComponent(pk).replace(/%2F/g, "/")}/${encodeURIComponent(class_)}/`,
      token,
      options,
    );
  }
}
