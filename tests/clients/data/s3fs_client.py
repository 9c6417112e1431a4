"""Lists a bucket and reads an object with s3fs, which pandas, dask and zarr use."""

import s3fs

from reading import asked, done

bucket, key = asked()
files = s3fs.S3FileSystem()
keys = [path.removeprefix(f"{bucket}/") for path in files.find(bucket)]
done(keys, files.cat_file(f"{bucket}/{key}"))
