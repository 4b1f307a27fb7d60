import { StateChannel, type ChannelOptions, type Token } from "@rxsse/react/core";
import type { Room, Tag as ChatTag, Token as ChatToken } from "./chat.interfaces";

/** The rows in the state of RoomChannel, by type. */
export interface RoomChannelRows {
  Room: Room;
  ChatTag: ChatTag;
  ChatToken: ChatToken;
}

export class RoomChannel extends StateChannel<Room, RoomChannelRows> {
  static override readonly instances = {
    Room: { key: "id", paths: [[]] },
    ChatTag: { key: "id", paths: [["tags", "*"]] },
    ChatToken: { key: "id", paths: [["tokens", "*"]] },
  } as const;

  constructor(pk: number, token?: Token, options?: ChannelOptions<Room>) {
    super(`/chat/${encodeURIComponent(pk)}/`, token, options);
  }
}

/** The rows in the state of Tag, by type. */
export interface TagRows {
  ChatTag: ChatTag;
}

/** A channel by the name of what it shows. */
export class Tag extends StateChannel<ChatTag, TagRows> {
  static override readonly instances = {
    ChatTag: { key: "id", paths: [[]] },
  } as const;

  constructor(pk: number, token?: Token, options?: ChannelOptions<ChatTag>) {
    super(`/chat/tags/${encodeURIComponent(pk)}/`, token, options);
  }
}

/** The rows in the state of Tags, by type. */
export interface TagsRows {
  ChatTag: ChatTag;
}

export class Tags extends StateChannel<ChatTag[], TagsRows> {
  static override readonly instances = {
    ChatTag: { key: "id", paths: [["*"]] },
  } as const;

  constructor(token?: Token, options?: ChannelOptions<ChatTag[]>) {
    super("/chat/tags/", token, options);
  }
}
