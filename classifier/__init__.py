"""Project configuration and the domain: settings, rows, and the verbs that change them."""
