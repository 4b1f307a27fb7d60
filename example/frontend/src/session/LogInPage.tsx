import { useState, type SubmitEvent } from "react";
import { getToken } from "../api/board";
import { ApiError } from "../api/client";
import { begin } from "./session";
import { useNotice } from "./useSession";

/** Asks for a name and a password, and gets a token for them. The page's URL stays: it is where one comes out. */
export function LogInPage() {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const notice = useNotice();
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const { token } = await getToken(username, password);
      begin({ token, username });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setError(error.message);
      setBusy(false);
    }
  };
  return (
    <main className="log-in">
      <form onSubmit={onSubmit} className="log-in-form">
        <img src={`${import.meta.env.BASE_URL}favicon.svg`} alt="" width="48" height="48" />
        <h1>rxsse board</h1>
        <p className="muted">A board that shows what the database holds, at every moment.</p>
        {notice !== null && <p className="notice">{notice}</p>}
        <label className="field">
          <span>Name</span>
          <input
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            required
            autoFocus
            value={username}
            onChange={(event) => setUsername(event.target.value)}
          />
        </label>
        <label className="field">
          <span>Password</span>
          <input
            name="password"
            type="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </label>
        <p role="alert" className="error">
          {error}
        </p>
        <button type="submit" className="button button-main" disabled={busy}>
          {busy ? "Logging in…" : "Log in"}
        </button>
        <p className="muted hint">
          In the demo: <kbd>ada</kbd>, <kbd>grace</kbd>, <kbd>margaret</kbd> or <kbd>katherine</kbd>, and the password{" "}
          <kbd>demo</kbd>. Each window can be somebody else.
        </p>
      </form>
    </main>
  );
}
