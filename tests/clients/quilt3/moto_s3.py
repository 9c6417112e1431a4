"""moto's S3 on a free port of loopback, which is printed once it listens.

Every write happens a second after the one before: registries written in the
same order have the same history, however fast they were written.
"""

import datetime
import itertools
import logging

import moto.s3.models
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

START = datetime.datetime(2026, 1, 1)
seconds = itertools.count()
moto.s3.models.utcnow = lambda: START + datetime.timedelta(seconds=next(seconds))
logging.getLogger("werkzeug").setLevel(logging.ERROR)

application = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", 0, application, True, request_handler=MotoRequestHandler)
print(server.server_address[1], flush=True)
server.serve_forever()
