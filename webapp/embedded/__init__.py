"""The embedded stack: everything `manage.py up` needs to run the whole product on one machine. Knows no rows."""
