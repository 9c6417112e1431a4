package quiltd;

import java.security.MessageDigest;
import java.util.HexFormat;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Object;

/** Lists a bucket and reads an object with the default credential chain. */
public final class Client {
    private Client() {}

    /** Prints {@code ok}; exits non-zero on anything unexpected. */
    public static void main(String[] args) throws Exception {
        String bucket = required("BUCKET");
        String key = required("KEY");
        String want = required("EXPECT_SHA256");

        try (S3Client s3 = S3Client.builder().forcePathStyle(true).build()) {
            boolean listed =
                    s3.listObjectsV2Paginator(request -> request.bucket(bucket)).contents().stream()
                            .map(S3Object::key)
                            .anyMatch(key::equals);
            check(listed, key + " is not listed in " + bucket);

            byte[] body =
                    s3.getObjectAsBytes(request -> request.bucket(bucket).key(key)).asByteArray();
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(body);
            String got = HexFormat.of().formatHex(digest);
            check(got.equals(want), "sha256 is " + got + ", expected " + want);
        }
        System.out.println("ok");
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
