import type { Tag as ShopTag } from "./shop.interfaces";

export interface Room {
  id: number;
  title: string;
  tags: Tag[];
  tokens: Token[];
  shown: ShopTag[];
}

export interface Tag {
  id: number;
  word: string;
}

/** Called as a type of the runtime is. */
export interface Token {
  id: number;
  word: string;
  room: number;
}
