"""Ask a Whatsit site what pictures show: `Client` for ordinary programs, `AsyncClient` for event loops."""

from whatsit_client.answers import Document, Image, Prediction, Rejection, Result, Upload
from whatsit_client.async_client import AsyncClient
from whatsit_client.errors import AnswerLate, CallRefused, SiteUnreachable, WhatsitError
from whatsit_client.files import File
from whatsit_client.retrying import Retries
from whatsit_client.sync_client import Client

__all__ = [
    "AnswerLate",
    "AsyncClient",
    "CallRefused",
    "Client",
    "Document",
    "File",
    "Image",
    "Prediction",
    "Rejection",
    "Result",
    "Retries",
    "SiteUnreachable",
    "Upload",
    "WhatsitError",
]
