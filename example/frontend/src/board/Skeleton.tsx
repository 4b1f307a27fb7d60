/** Where the cards will be. */
export function BoardSkeleton() {
  return (
    <div className="board">
      {[4, 2].map((cards, column) => (
        <div className="column" key={column}>
          <div className="skeleton skeleton-title" />
          {Array.from({ length: cards }, (_, card) => (
            <div className="skeleton skeleton-card" key={card} />
          ))}
        </div>
      ))}
    </div>
  );
}
