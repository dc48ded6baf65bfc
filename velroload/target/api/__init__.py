"""The HTTP side, one file per resource: reads requests, asks a service, writes JSON.

api → service → store: each may use what stands to its right and the files beside these folders.
"""
