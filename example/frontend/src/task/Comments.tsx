import { useState, type SubmitEvent } from "react";
import { addComment, removeComment } from "../api/board";
import type { Comment, Task } from "../rx/projects.interfaces";
import { useMe } from "../session/useSession";
import { Avatar } from "../ui/Avatar";
import { moment } from "../ui/dates";
import { Icon } from "../ui/Icon";
import { useWrite } from "../ui/messages";

export function Comments({ task, writable }: { task: Task; writable: boolean }) {
  return (
    <section aria-label="Comments" className="comments">
      <h3>
        Comments <span className="count">{task.comments.length}</span>
      </h3>
      {task.comments.length > 0 ? (
        <ul>
          {task.comments.map((comment) => (
            <CommentRow key={comment.id} comment={comment} />
          ))}
        </ul>
      ) : (
        <p className="muted">Nobody has said anything yet.</p>
      )}
      {writable && <CommentForm task={task.id} />}
    </section>
  );
}

function CommentRow({ comment }: { comment: Comment }) {
  const { username } = useMe();
  const write = useWrite();
  const author = comment.author.name || comment.author.username;
  return (
    <li className="comment">
      <Avatar name={author} small />
      <div>
        <p className="comment-head">
          <strong>{author}</strong> <time dateTime={comment.created}>{moment(comment.created)}</time>
        </p>
        <p className="comment-text">{comment.text}</p>
      </div>
      {comment.author.username === username && (
        <button
          type="button"
          className="icon-button"
          aria-label="Delete comment"
          onClick={() => void write(() => removeComment(comment.id))}
        >
          <Icon name="close" />
        </button>
      )}
    </li>
  );
}

function CommentForm({ task }: { task: number }) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const write = useWrite();
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (text.trim() === "" || busy) return;
    setBusy(true);
    const { ok } = await write(() => addComment(task, text.trim()));
    setBusy(false);
    if (ok) setText("");
  };
  return (
    <form className="composer" onSubmit={onSubmit}>
      <input
        aria-label="New comment"
        placeholder="Write a comment"
        value={text}
        readOnly={busy}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" className="button" disabled={text.trim() === "" || busy}>
        Send
      </button>
    </form>
  );
}
