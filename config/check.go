package config

type checker struct {
	*decoder
	cfg  *Config
	opts Options
}

func (c *checker) all() {}
