"""What is said: templates, variables, history and its window, token estimates, checks on replies. Pure: nothing here waits."""
