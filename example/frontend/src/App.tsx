/** Routes, for whoever is logged in. The same routes are in board/urls.py, so that all of them can be bookmarked. */
import { useQuery } from "@tanstack/react-query";
import { Redirect, Route, Switch } from "wouter";
import { getProjects } from "./api/board";
import { BoardPage } from "./board/BoardPage";
import { MinePage } from "./mine/MinePage";
import { LogInPage } from "./session/LogInPage";
import { useSession } from "./session/useSession";
import { Navigation } from "./shell/Navigation";
import { MenuButton } from "./shell/PageHeader";
import { EmptyState } from "./ui/EmptyState";
import { Messages } from "./ui/messages";

export function App() {
  const session = useSession();
  if (session === null) return <LogInPage />;
  return (
    <div className="app">
      <Navigation />
      <Switch>
        <Route path="/mine" component={MinePage} />
        <Route path="/projects/:project/tasks/:task">
          {({ project, task }) => <BoardPage key={project} project={Number(project)} task={Number(task)} />}
        </Route>
        <Route path="/projects/:project">
          {({ project }) => <BoardPage key={project} project={Number(project)} task={null} />}
        </Route>
        <Route path="/" component={Home} />
        <Route>
          <Bare>
            <EmptyState icon="warning" title="There is no such page" />
          </Bare>
        </Route>
      </Switch>
      <Messages />
    </div>
  );
}

/** The first project there is, or how to make one. */
function Home() {
  const projects = useQuery({ queryKey: ["projects"], queryFn: getProjects });
  const first = projects.data?.[0];
  if (first) return <Redirect to={`/projects/${first.id}/`} replace />;
  if (projects.isSuccess) {
    return (
      <Bare>
        <EmptyState icon="board" title="No project yet">
          <p>Begin one under “New project” in the menu, or ask somebody to invite you to theirs.</p>
        </EmptyState>
      </Bare>
    );
  }
  if (projects.isError) {
    return (
      <Bare>
        <EmptyState icon="warning" title="The projects can’t be loaded">
          <p>{projects.error.message}</p>
          <p>
            <button type="button" className="button" onClick={() => void projects.refetch()}>
              Try again
            </button>
          </p>
        </EmptyState>
      </Bare>
    );
  }
  return <Bare />;
}

function Bare({ children }: { children?: React.ReactNode }) {
  return (
    <main className="page">
      <header className="page-header">
        <MenuButton />
        <h1>Board</h1>
      </header>
      {children}
    </main>
  );
}
