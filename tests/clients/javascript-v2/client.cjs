// Lists a bucket and reads an object with the default credential chain of the second SDK.
const { createHash } = require("node:crypto");
const AWS = require("aws-sdk");

const { BUCKET, KEY, EXPECT_SHA256, AWS_ENDPOINT_URL_S3 } = process.env;

// It never learnt AWS_ENDPOINT_URL_S3, and signs as of old unless told.
const client = new AWS.S3({
  endpoint: AWS_ENDPOINT_URL_S3,
  s3ForcePathStyle: true,
  signatureVersion: "v4",
});

async function main() {
  const keys = [];
  let page = {};
  do {
    page = await client
      .listObjectsV2({ Bucket: BUCKET, ContinuationToken: page.NextContinuationToken })
      .promise();
    keys.push(...page.Contents.map((object) => object.Key));
  } while (page.IsTruncated);
  if (!keys.includes(KEY)) {
    throw new Error(`${KEY} is not among the keys of ${BUCKET}: ${keys}`);
  }

  const object = await client.getObject({ Bucket: BUCKET, Key: KEY }).promise();
  const sha256 = createHash("sha256").update(object.Body).digest("hex");
  if (sha256 !== EXPECT_SHA256) {
    throw new Error(`sha256 is ${sha256}, expected ${EXPECT_SHA256}`);
  }
  console.log("ok");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
