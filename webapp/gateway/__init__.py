"""The message brokers: what they bring becomes images and rows, what the rows say becomes answers."""
