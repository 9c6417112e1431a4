// Lists a bucket and reads an object with the default credential chain.
import { createHash } from "node:crypto";
import { GetObjectCommand, S3Client, paginateListObjectsV2 } from "@aws-sdk/client-s3";

const { BUCKET, KEY, EXPECT_SHA256 } = process.env;

// No credentials and no endpoint here: both come from the environment.
const client = new S3Client({ forcePathStyle: true });

const keys = [];
for await (const page of paginateListObjectsV2({ client }, { Bucket: BUCKET })) {
  keys.push(...(page.Contents ?? []).map((object) => object.Key));
}
if (!keys.includes(KEY)) {
  throw new Error(`${KEY} is not among the keys of ${BUCKET}: ${keys}`);
}

const object = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: KEY }));
const body = await object.Body.transformToByteArray();
const sha256 = createHash("sha256").update(body).digest("hex");
if (sha256 !== EXPECT_SHA256) {
  throw new Error(`sha256 is ${sha256}, expected ${EXPECT_SHA256}`);
}
console.log("ok");
