// Lists a bucket and reads an object with the default session of the first SDK.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/s3"
)

func main() {
	if err := read(os.Getenv("BUCKET"), os.Getenv("KEY"), os.Getenv("EXPECT_SHA256")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func read(bucket, key, want string) error {
	// Programs of this SDK read ~/.aws/config only when told to.
	shared, err := session.NewSessionWithOptions(session.Options{
		SharedConfigState: session.SharedConfigEnable,
	})
	if err != nil {
		return err
	}
	// It never learnt AWS_ENDPOINT_URL_S3.
	client := s3.New(shared, aws.NewConfig().
		WithEndpoint(os.Getenv("AWS_ENDPOINT_URL_S3")).
		WithS3ForcePathStyle(true))

	var keys []string
	err = client.ListObjectsV2Pages(
		&s3.ListObjectsV2Input{Bucket: &bucket},
		func(page *s3.ListObjectsV2Output, _ bool) bool {
			for _, object := range page.Contents {
				keys = append(keys, aws.StringValue(object.Key))
			}
			return true
		},
	)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	if !slices.Contains(keys, key) {
		return fmt.Errorf("%q is not among the keys of %q: %q", key, bucket, keys)
	}

	object, err := client.GetObject(&s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	defer object.Body.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, object.Body); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("sha256 is %s, expected %s", got, want)
	}
	return nil
}
