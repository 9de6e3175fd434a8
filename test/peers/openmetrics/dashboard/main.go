// Reads a Grafana dashboard as Grafana's own types have it, and its queries as Prometheus does; prints each metric that
// a query names, with the labels that it is asked for by.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	promql "github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = read(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(text []byte) error {
	cog.NewRuntime().RegisterPanelcfgVariant(timeseries.VariantConfig())
	cog.NewRuntime().RegisterDataqueryVariant(promql.VariantConfig())
	var board dashboard.Dashboard
	// Where nothing is wrong, an empty list of errors comes.
	if err := board.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		return fmt.Errorf("Grafana's types: %w", err)
	}
	if err := board.Validate(); err != nil && err.Error() != "" {
		return fmt.Errorf("Grafana's rules: %w", err)
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return err
	}
	return walk(plain)
}

// Every "expr" of a panel's target, and the query of a variable that lists a label's values.
func walk(value any) error {
	switch value := value.(type) {
	case []any:
		for _, each := range value {
			if err := walk(each); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, each := range value {
			text, isText := each.(string)
			if isText && (key == "expr" || key == "definition") {
				if err := parse(text); err != nil {
					return err
				}
				continue
			}
			if err := walk(each); err != nil {
				return err
			}
		}
	}
	return nil
}

func parse(query string) error {
	text := strings.ReplaceAll(query, "$__rate_interval", "1m")
	if inner, found := strings.CutPrefix(text, "label_values("); found {
		at := strings.LastIndex(inner, ",")
		if at < 0 {
			return fmt.Errorf("%s: no label", query)
		}
		text = inner[:at]
	}
	expression, err := parser.ParseExpr(text)
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if selector, is := node.(*parser.VectorSelector); is {
			fmt.Println(selector.Name)
		}
		return nil
	})
	return nil
}
