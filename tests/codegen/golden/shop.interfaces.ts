import type { Part as PartsPart } from "./parts.interfaces";

type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** A tree. */
export interface Branch {
  name: string;
  made: string | null;
  leaves: Branch[];
}

export interface Brief {
  name: string;
}

/** Each column by the field that DRF chooses for it. */
export interface Columns {
  id: number;
  /**
   * What it is called *\/ on the shelf.
   * In one language.
   */
  name: string;
  code: string | null;
  status: "draft" | "sold";
  size: 1 | 20 | null;
  mood:
    | "plain"
    | "it's"
    | '"two"'
    | "'\""
    | "back\\slash"
    | "line\nbreak"
    | "naïve 🎈"
    | "\u2028"
    | ""
    | "*/";
  fixed: "draft" | "sold" | "";
  price: string;
  discount: string | null;
  weight: number;
  stock: number;
  small: number | null;
  available: boolean;
  checked: boolean | null;
  launched: string | null;
  seen: string | null;
  made: string;
  opens: string | null;
  life: string | null;
  address: string | null;
  attributes: JsonValue;
  notes: JsonValue;
  words: JsonValue;
  picture: string | null;
  folder: string;
  blob: string;
  token: string | null;
  money: unknown;
  doubled: number;
}

/** What ``depth`` makes. */
export interface Deep {
  id: number;
  maker: NestedMaker | null;
  tags: NestedTag[];
}

export interface Extras {
  stats: Stats;
  parents: Stats | null;
  loose: Loose;
  get_size_display: string | null;
  "with space": string;
  "it's": string;
  class: string;
  $: string;
  ünï: string;
  "x²": string;
  "1a": string;
  constructor: string;
}

/** Each of DRF's fields, with its options. */
export interface Fields {
  id: number;
  price_number: number;
  price_local: string;
  token_number: number | null;
  made_as_it_is: string;
  life_text: string | null;
  stock_text: string;
  name_url: string;
  picture_name: string | null;
  image: string | null;
  status_and_size: ("draft" | "sold")[];
  sizes: (1 | 20 | "draft" | "sold")[];
  counts: Record<string, number | null>;
  pairs: Record<string, string | null>;
  text: string;
  mood_again:
    | "plain"
    | "it's"
    | '"two"'
    | "'\""
    | "back\\slash"
    | "line\nbreak"
    | "naïve 🎈"
    | "\u2028"
    | ""
    | "*/";
  size_or_not: 1 | 20 | null;
  flag: boolean;
  /** From the field. */
  pattern: string;
}

export interface Linked {
  url: string;
  /**
   * What it is called *\/ on the shelf.
   * In one language.
   */
  name: string;
  parent: string | null;
  children: string[];
}

/** Is given dictionaries. */
export interface Loose {
  count: number;
  rest?: number;
  may: number | null;
  must: number;
}

/**
 * Who makes things.
 *
 * Has a passport, or not.
 */
export interface Maker {
  id: string;
  name: string;
  site: string | null;
  passport: Passport | null;
  passport_key: string | null;
  number: number | null;
  land: string | null;
  visas: string | null;
}

export interface Methods {
  id: number;
  /**
   * The name, loudly.
   *
   * As a method says it.
   */
  text: string;
  texts: string[];
  maybe: number | null;
  old_maybe: number | null;
  either: number[] | string;
  exact: "it's" | 1 | true | null;
  typed: Part;
  mixed: Mixed;
  tree: Branch[];
  wrapped: Undocumented | null;
  point: [number, string | null];
  pair: [number, string];
  row: (number | null)[];
  counts: Record<string, number>;
  mapping: Record<string, boolean[]>;
  status: "draft" | "sold";
  sizes: (1 | 20)[];
  level: number;
  moment: string;
  scalars: [number, number, string, string, string, boolean];
  grams: number;
  walked: string[];
  nested: Short;
  nested_list: Short[];
  itself: Methods[];
  anything: unknown;
  nothing: null;
  other: string | number;
}

export interface Mixed {
  sure: number;
  perhaps?: string | null;
}

export interface NestedMaker {
  id: string;
  name: string;
  site: string | null;
}

export interface NestedTag {
  word: string;
}

export interface Odd {
  id: number;
  letters: string;
  raw: unknown;
}

/** A part *\/ of something. */
export interface Part {
  kind: "a" | "b";
  weight?: number;
  parts?: Part[];
}

export interface Passport {
  maker: string;
  number: number;
}

/** Values as they are, and what properties and methods of the model say. */
export interface Raw {
  pk: number;
  raw_price: number;
  raw_made: string;
  raw_life: string | null;
  raw_key: string | null;
  maker_name?: string;
  initial: string | null;
  initial_text: string | null;
  price_and_weight: [number, number];
  shout: string;
}

export interface Relations {
  id: number;
  maker: string | null;
  namesake: string | null;
  parent: number | null;
  tags: string[];
  maker_key: string | null;
  maker_hex: string | null;
  namesake_key: string | null;
  best: string | null;
  maker_name: string | null;
  maker_site: string | null;
  maker_text: string | null;
  maker_url: string | null;
  tag_texts: string[];
  tag_words: string[];
  child_keys: number[];
  uncle_keys?: number[];
}

export interface Shelf {
  id: number;
  tags: ViewsTag[];
  first_tags: Tag[];
  parts: PartsPart[];
}

export interface Short {
  id: number;
  /**
   * What it is called *\/ on the shelf.
   * In one language.
   */
  name: string;
}

/** Says no model, and is given the rows of one. */
export interface Stats {
  count: number;
  small: number | null;
  label: string;
  size_label: string | null;
  parent_name?: string;
}

export interface Tag {
  word: string;
}

export interface Undocumented {
  by_code: Record<string, Branch>;
}

export interface Unknown {
  silent_method: unknown;
  any_method: Record<string, unknown>;
  broken_method: unknown;
  row_method: unknown;
  bare_list: unknown[];
  enumeration: "red" | 2;
  complex_method: unknown;
  missing_method: unknown;
  silent: unknown;
  said: string[];
  strict: string;
  loud: Record<string, boolean>;
  fetched: string;
  fetched_or_not: string | null;
  brief: Brief;
  dumb: unknown;
  counted: Record<string, number>;
  words: unknown[];
  attributes: Record<string, unknown>;
  annotated: number;
  annotated_or_not: number | null;
  annotated_raw: unknown;
  unsaid: unknown;
  unsaid_text: string;
  row: unknown;
  keys: unknown[];
}

export interface ViewsTag {
  pk: string;
  text: string;
}

/** Null, or nothing, by the way that a value takes. */
export interface Ways {
  id: number;
  itself: Short;
  nested: Maker | null;
  nested_far?: Short | null;
  listed: Short[];
  listed_far?: Short[];
  far?: string;
  far_required: string;
  far_null: string | null;
  far_default: string;
  far_default_null: string | null;
  farther?: string | null;
  not_required: string;
}
