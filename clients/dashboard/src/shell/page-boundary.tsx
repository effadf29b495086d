import { Component, type ReactNode } from 'react';
import { Button } from '../components/controls/button.tsx';
import { EmptyState } from '../components/feedback/states.tsx';

interface BoundaryProps {
  readonly children: ReactNode;
}

/** A page that crashes, or whose code cannot be loaded, leaves the rest of the dashboard working. */
export class PageBoundary extends Component<BoundaryProps, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <EmptyState
        title="This page could not be shown"
        advice="A newer version may have been installed since you opened the dashboard, or the connection broke. Load it again; nothing that was saved is lost."
      >
        <Button look="primary" onClick={() => location.reload()}>
          Load again
        </Button>
      </EmptyState>
    );
  }
}
