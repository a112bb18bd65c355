"""What a reviewer sees of a plan: changes, text diffs, risks and causes."""
