import { useId, useState, type KeyboardEvent } from "react";

/** Milliseconds that a saved draft waits for the stream: somebody else may have written over it meanwhile. */
const PATIENCE = 2000;

interface Draft {
  readonly text: string;
  /** What the draft replaces, once it is on its way. */
  readonly saving: string | null;
}

/**
 * A text that is saved when it is left, or with Enter where it has one line. While somebody types, their draft is shown and
 * not what arrives; once saved, it stays until the stream brings what it has become, so that nothing flickers.
 */
export function EditableText(props: {
  label: string;
  value: string;
  /** Resolves to whether it was saved. */
  onSave: (value: string) => Promise<boolean>;
  multiline?: boolean;
  required?: boolean;
  disabled?: boolean;
  placeholder?: string;
  className?: string;
}) {
  const { value, onSave, multiline = false, required = false } = props;
  const id = useId();
  const [draft, setDraft] = useState<Draft | null>(null);
  const saving = draft?.saving ?? null;
  if (saving !== null && saving !== value) setDraft(null);

  const save = async () => {
    if (draft === null || saving !== null) return;
    const text = draft.text.trim();
    if (text === value || (required && text === "")) {
      setDraft(null);
      return;
    }
    const sent = { text, saving: value };
    setDraft(sent);
    if (await onSave(text)) setTimeout(() => setDraft((draft) => (draft === sent ? null : draft)), PATIENCE);
    else setDraft({ text, saving: null });
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === "Escape" && draft !== null) {
      event.preventDefault(); // A dialog around it stays open: this is about the text alone.
      setDraft(null);
    } else if (event.key === "Enter" && (!multiline || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.currentTarget.blur();
    }
  };
  return (
    <>
      <label htmlFor={id} className="sr-only">
        {props.label}
      </label>
      <textarea
        id={id}
        rows={multiline ? 3 : 1}
        className={`editable ${props.className ?? ""}`}
        value={draft?.text ?? value}
        required={required}
        readOnly={props.disabled}
        placeholder={props.placeholder}
        onChange={(event) => setDraft({ text: event.target.value, saving: null })}
        onBlur={() => void save()}
        onKeyDown={onKeyDown}
      />
    </>
  );
}
