/** Asks Django's REST API, as whoever is logged in; knows no endpoint. */
import { end, getSession } from "../session/session";

/** An answer that was not a good one, or none (`status` 0); `message` is a sentence for people. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export const SESSION_ENDED = "Your session has ended. Please log in again.";

export async function request<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = new Headers({ Accept: "application/json" });
  const session = getSession();
  if (session) headers.set("Authorization", `Token ${session.token}`);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  let response: Response;
  try {
    // Without cookies: a window is logged in by its token alone, whoever has the admin open beside it.
    response = await fetch(path, {
      method,
      headers,
      credentials: "omit",
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    throw new ApiError("The server can’t be reached. Nothing was changed.", 0);
  }
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as Answer;
  if (response.status === 401 && session) end(SESSION_ENDED);
  throw new ApiError(await reason(response), response.status);
}

/** What Django REST framework says is wrong: `{"detail": …}`, or lists of sentences by field. */
async function reason(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  if (typeof body === "object" && body !== null) {
    for (const [field, said] of Object.entries(body as Record<string, unknown>)) {
      const sentence: unknown = Array.isArray(said) ? said[0] : said;
      if (typeof sentence !== "string") continue;
      return field === "detail" || field === "non_field_errors" ? sentence : `${label(field)}: ${sentence}`;
    }
  }
  return `The server answered with ${response.status}.`;
}

function label(field: string): string {
  const words = field.replace(/_ids?$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
