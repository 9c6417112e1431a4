package quiltd;

import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import com.amazonaws.services.s3.model.ListObjectsV2Request;
import com.amazonaws.services.s3.model.ListObjectsV2Result;
import com.amazonaws.services.s3.model.S3Object;
import java.security.MessageDigest;
import java.util.HexFormat;

/** Lists a bucket and reads an object with the default credential chain of the first SDK. */
public final class Client {
    private Client() {}

    /** Prints {@code ok}; exits non-zero on anything unexpected. */
    public static void main(String[] args) throws Exception {
        String bucket = required("BUCKET");
        String key = required("KEY");
        String want = required("EXPECT_SHA256");

        // It never learnt AWS_ENDPOINT_URL_S3.
        AmazonS3 s3 =
                AmazonS3ClientBuilder.standard()
                        .withEndpointConfiguration(
                                new EndpointConfiguration(
                                        required("AWS_ENDPOINT_URL_S3"), required("AWS_REGION")))
                        .withPathStyleAccessEnabled(true)
                        .build();
        check(isListed(s3, bucket, key), key + " is not listed in " + bucket);

        byte[] body;
        try (S3Object object = s3.getObject(bucket, key)) {
            body = object.getObjectContent().readAllBytes();
        }
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(body);
        String got = HexFormat.of().formatHex(digest);
        check(got.equals(want), "sha256 is " + got + ", expected " + want);
        System.out.println("ok");
    }

    private static boolean isListed(AmazonS3 s3, String bucket, String key) {
        ListObjectsV2Request request = new ListObjectsV2Request().withBucketName(bucket);
        ListObjectsV2Result page;
        do {
            page = s3.listObjectsV2(request);
            if (page.getObjectSummaries().stream().anyMatch(o -> o.getKey().equals(key))) {
                return true;
            }
            request.setContinuationToken(page.getNextContinuationToken());
        } while (page.isTruncated());
        return false;
    }

    private static String required(String name) {
        String value = System.getenv(name);
        check(value != null && !value.isEmpty(), name + " is not set");
        return value;
    }

    private static void check(boolean condition, String message) {
        if (!condition) {
            System.err.println(message);
            System.exit(1);
        }
    }
}
