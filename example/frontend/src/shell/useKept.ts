import { useCallback, useState } from "react";

/** As `useState`, and the next time the page is opened it begins with the last value. Values must survive JSON. */
export function useKept<Value>(key: string, first: Value): [Value, (value: Value) => void] {
  const [value, setValue] = useState(() => {
    const kept = localStorage.getItem(key);
    return kept === null ? first : (JSON.parse(kept) as Value);
  });
  const keep = useCallback(
    (value: Value) => {
      localStorage.setItem(key, JSON.stringify(value));
      setValue(value);
    },
    [key],
  );
  return [value, keep];
}
