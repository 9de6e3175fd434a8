// Reads metrics as node_exporter's textfile collector does, and as Prometheus reads OpenMetrics; prints each sample.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = parse(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func parse(text []byte) error {
	textfile := expfmt.NewTextParser(model.UTF8Validation)
	if _, err := textfile.TextToMetricFamilies(bytes.NewReader(text)); err != nil {
		return fmt.Errorf("the parser of the textfile collector: %w", err)
	}
	parser := textparse.NewOpenMetricsParser(text, labels.NewSymbolTable())
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the parser of OpenMetrics: %w", err)
		}
		if entry == textparse.EntrySeries {
			var series labels.Labels
			parser.Labels(&series)
			_, _, value := parser.Series()
			fmt.Println(series, value)
		}
	}
}
