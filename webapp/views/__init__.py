"""The pages, one group a file: read the request, call one domain verb, show the result."""
