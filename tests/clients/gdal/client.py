"""Lists a bucket and reads an object with GDAL, which rasterio, fiona, geopandas and QGIS read by.

The library itself is asked: that of pyogrio's wheel, or the one named by the first argument.
"""

import ctypes
import os
import sys
import urllib.parse
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "data"))
from reading import asked, done, endpoint  # noqa: E402

bucket, key = asked()
# It never learnt AWS_ENDPOINT_URL_S3.
url = urllib.parse.urlsplit(endpoint())
os.environ["AWS_S3_ENDPOINT"] = url.netloc
os.environ["AWS_HTTPS"] = "YES" if url.scheme == "https" else "NO"
os.environ["AWS_VIRTUAL_HOSTING"] = "FALSE"
# Nothing here may ever wait for an instance's metadata service.
os.environ["CPL_AWS_EC2_API_ROOT_URL"] = "disabled"


def library() -> str:
    """The path of the library."""
    if len(sys.argv) > 1:
        return sys.argv[1]
    import pyogrio

    folder = Path(pyogrio.__file__).parent.with_name("pyogrio.libs")
    return str(next(folder.glob("libgdal*")))


gdal = ctypes.CDLL(library())
gdal.VSIFOpenExL.restype = ctypes.c_void_p
gdal.VSIFOpenExL.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
gdal.VSIFReadL.restype = ctypes.c_size_t
gdal.VSIFReadL.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p]
gdal.VSIReadDir.restype = ctypes.POINTER(ctypes.c_char_p)
gdal.VSIReadDir.argtypes = [ctypes.c_char_p]
gdal.VSIGetLastErrorMsg.restype = ctypes.c_char_p

opened = gdal.VSIFOpenExL(f"/vsis3/{bucket}/{key}".encode(), b"rb", 1)
if not opened:
    sys.exit(gdal.VSIGetLastErrorMsg().decode() or "it cannot be opened")
buffer = ctypes.create_string_buffer(1 << 20)
size = gdal.VSIFReadL(buffer, 1, len(buffer), opened)
content = buffer.raw[:size]

folder, _, name = key.rpartition("/")
entries = gdal.VSIReadDir(f"/vsis3/{bucket}/{folder}".encode())
keys = []
while entries and entries[len(keys)]:
    keys.append(f"{folder}/{entries[len(keys)].decode()}".lstrip("/"))
done(keys, content)
